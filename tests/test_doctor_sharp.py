"""Softmaxes in code of the user's own that pick one entry from the start: small models."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# Trials of trainings, and an edit of the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(128, 8, 4)).astype("float32")
Y = np.repeat(X[:, :, :1].mean(axis=1, keepdims=True), 8, axis=1)


class Attend(layers.Layer):
    """Attention of tokens to each other, its scores multiplied by `scale`."""

    def __init__(self, scale, causal=False, **others):
        super().__init__(**others)
        self.scale, self.causal = scale, causal

    def build(self, shape):
        self.w = self.add_weight(shape=(4, 4))

    def call(self, x):
        s = ops.matmul(ops.matmul(x, self.w), ops.transpose(x, (0, 2, 1))) * self.scale
        if self.causal:
            s = ops.where(ops.tril(ops.ones((8, 8))) > 0, s, -1e9)
        shares = ops.softmax(s, axis=-1)
        return ops.matmul(shares, x)


class Choice(layers.Layer):
    """Shares of four experts, of which one gets nearly all."""

    def build(self, shape):
        self.gate = self.add_weight(shape=(4, 4), initializer=keras.initializers.Constant(0.0))
        self.gate.assign(30 * np.eye(4))
        self.experts = self.add_weight(shape=(4, 1), initializer="zeros")

    def call(self, x):
        return ops.matmul(keras.activations.softmax(ops.matmul(x, self.gate)), self.experts)


class Labels(layers.Layer):
    """The shares of two classes, of large logits."""

    def build(self, shape):
        self.w = self.add_weight(
            shape=(4, 2), initializer=keras.initializers.RandomNormal(stddev=20.0, seed=0)
        )

    def call(self, x):
        return ops.softmax(ops.matmul(x, self.w), axis=-1)


def attending(*own, loss="mse", end=True):
    keras.utils.set_random_seed(0)
    last = [layers.Dense(1, use_bias=False, kernel_initializer="zeros")] if end else []
    model = keras.Sequential([keras.Input((8, 4)), *own, *last])
    model.compile(keras.optimizers.Adam(0.03), loss)
    return model


def found(report):
    return [finding for finding in report.findings if finding.code == "CW416"]


@pytest.mark.parametrize("causal", [False, True], ids=["all", "causal"])
def test_scores_that_are_multiplied_where_they_should_be_divided(causal):
    """The line is named, and its edit is tried."""
    hidden = X[:, :, :1].cumsum(axis=1) / np.arange(1, 9)[:, None] if causal else Y
    report = ci.diagnose(attending(Attend(30.0, causal, name="own")), X, hidden)
    (one,) = found(report)
    assert report.findings[0] is one
    assert (one.layer, one.level) == ("own", "warning")
    assert one.source is not None
    assert one.source.text == "shares = ops.softmax(s, axis=-1)"
    assert one.evidence["share"] > 0.5
    assert one.evidence["loss_with_the_softer"] < 0.5 * one.evidence["loss_at_the_end"]
    assert one.treatment is not None
    assert one.treatment.healed
    assert "+        shares = ops.softmax(s * 0.0" in one.treatment.diff


def test_a_function_is_edited_as_a_class_is():
    report = ci.diagnose(attending(layers.Dense(8), layers.Lambda(mixed, name="own")), X, Y)
    (one,) = found(report)
    assert one.layer == "own"
    assert one.treatment is not None
    assert one.treatment.healed
    assert "-    return ops.matmul(ops.softmax(100 * ops.matmul(" in one.treatment.diff


def mixed(x):
    asked, keys = ops.split(x, 2, axis=-1)
    return ops.matmul(ops.softmax(100 * ops.matmul(asked, ops.transpose(keys, (0, 2, 1)))), keys)


QUIET = {
    "soft": (lambda: attending(Attend(0.5)), Y),
    "causal": (lambda: attending(Attend(0.5, causal=True)), Y),
    "sharp and trains": (
        lambda: attending(Choice(), end=False), X.argmax(axis=-1)[..., None].astype("float32") / 3,
    ),
    "what it predicts": (
        lambda: attending(Labels(), loss="sparse_categorical_crossentropy", end=False),
        (X[..., 0] > 0).astype("int32"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", QUIET)
def test_a_softmax_with_which_a_model_trains(name):
    make, targets = QUIET[name]
    report = ci.diagnose(make(), X, targets)
    assert not found(report), str(report)


def test_a_model_that_has_been_trained_may_be_sure():
    model = attending(Attend(30.0))
    model.fit(X, Y, verbose=0)
    assert not found(ci.diagnose(model, X, Y))
