"""Softmaxes beside a product with a mask, in code of the user's own: small models."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# Trials of trainings, and an edit of the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 12, 4)).astype("float32")
NEAR = np.maximum(RNG.uniform(size=(96, 12, 12)) < 0.15, np.eye(12)).astype("float32")
MEAN = (NEAR @ X[..., :1] / NEAR.sum(-1, keepdims=True)).astype("float32")
PAST = np.tril(np.ones((12, 12), "float32"))
PAST_MEAN = (PAST @ X[..., :1] / PAST.sum(-1, keepdims=True)).astype("float32")


class Scores(layers.Layer):
    """What all of these have: a score of each entry, and the shares of a softmax."""

    def build(self, shape):
        first = shape[0] if isinstance(shape, list) else shape
        self.w = self.add_weight(shape=(first[-1],), initializer="glorot_uniform")

    def scores(self, x):
        return ops.sum(x * self.w, axis=-1)[:, None]


class Given(Scores):
    def call(self, inputs):
        x, near = inputs
        return ops.matmul(ops.softmax(self.scores(x) * near / 2.0, axis=-1), x[..., :1])


class Named(Scores):
    def call(self, inputs):
        x, near = inputs
        scores = self.scores(x)
        scores = ops.multiply(scores, near)
        return ops.matmul(ops.softmax(scores), x[..., :1])


class Causal(Scores):
    def call(self, x):
        scores = ops.broadcast_to(self.scores(x), (ops.shape(x)[0], 12, 12))
        scores *= ops.tril(ops.ones((12, 12)))
        return ops.matmul(ops.softmax(scores), x[..., :1])


class Behind(Scores):
    def call(self, inputs):
        x, near = inputs
        shares = keras.activations.softmax(self.scores(x) + 0.0 * near)
        return ops.matmul(shares * near, x[..., :1])


class Within(Scores):
    def call(self, inputs):
        x, near = inputs
        return ops.matmul(ops.softmax(self.scores(x), axis=-1) * near, x[..., :1])


def of_graph(own, width=12):
    keras.utils.set_random_seed(0)
    given = keras.Input((12, 4)), keras.Input((12, width))
    model = keras.Model(given, own(list(given)))
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


def of_one(own, loss="mse", shape=(12, 4), rate=0.05):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), own])
    model.compile(keras.optimizers.Adam(rate), loss)
    return model


def found(report):
    return [finding for finding in report.findings if finding.code == "CW225"]


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (Given, "where(near != 0, self.scores(x) * near / 2.0, -1e9), axis=-1)"),
        (Named, "where(near != 0, scores, -1e9))"),
        (Behind, "sum((shares * near), axis=-1, keepdims=True)"),
        (Within, "keepdims=True), 1e-9)"),
    ],
)
def test_a_mask_that_is_multiplied_is_put_in_its_place(kind, line):
    """Before the softmax -1e9 for what is hidden, behind it a sum of one."""
    report = ci.diagnose(of_graph(kind(name="own")), [X, NEAR], MEAN)
    (one,) = found(report)
    assert report.findings[0] is one
    assert (one.layer, one.level) == ("own", "warning")
    assert one.source is not None
    assert "softmax" in one.source.text
    assert one.evidence["loss_with_the_mask_first"] < 0.5 * one.evidence["loss_at_the_end"]
    assert one.treatment is not None
    assert one.treatment.healed, str(report)
    assert line in one.treatment.diff


def test_a_mask_that_the_code_makes_itself():
    report = ci.diagnose(of_one(Causal(name="own")), X, PAST_MEAN)
    (one,) = found(report)
    assert "tril" in one.message
    assert one.treatment is not None
    assert one.treatment.healed, str(report)


class Added(Scores):
    """A mask that is added, as it should be, in a number far below zero."""

    def call(self, inputs):
        x, near = inputs
        scores = self.scores(x) * 0.5 + (1.0 - near) * -1e9
        return ops.matmul(ops.softmax(scores), x[..., :1])


class Again(Scores):
    """Shares that are divided by what is left of them."""

    def call(self, inputs):
        x, near = inputs
        shares = ops.softmax(self.scores(x)) * near
        shares = shares / ops.sum(shares, axis=-1, keepdims=True)
        return ops.matmul(shares, x[..., :1])


class Gated(Scores):
    """Shares that a gate lets through more or less."""

    def call(self, x):
        gate = ops.sigmoid(ops.transpose(self.scores(x), (0, 2, 1)))
        return ops.matmul(ops.softmax(self.scores(x)) * gate, x[..., :1])


class Best(Scores):
    """The shares of the best four alone, not made up to one."""

    def call(self, x):
        shares = ops.softmax(self.scores(x))
        best = ops.cast(shares >= ops.top_k(shares, 4)[0][..., -1:], "float32")
        return ops.matmul(shares * best, x[..., :1])


class Candidates(Scores):
    """How likely it is that one of some classes is meant: the sum of their shares."""

    def call(self, inputs):
        x, near = inputs
        shares = ops.softmax(self.scores(x)) * near
        return ops.sum(shares, axis=-1, keepdims=True)


def minus_log(_, p):
    return -ops.mean(ops.log(p + 1e-7))


QUIET = {
    "added": (lambda: of_graph(Added()), [X, NEAR], MEAN),
    "divided again": (lambda: of_graph(Again()), [X, NEAR], MEAN),
    "gated": (lambda: of_one(Gated()), X, np.repeat(X[..., :1].mean(1, keepdims=True), 12, 1)),
    "the best few": (lambda: of_one(Best()), X, np.repeat(X[:, :1, :1], 12, 1)),
}


@pytest.mark.parametrize("name", QUIET)
def test_masks_and_gates_that_do_what_they_should(name):
    make, x, y = QUIET[name]
    report = ci.diagnose(make(), x, y)
    assert not found(report), str(report)


def test_a_sum_of_chances_is_none_of_shares():
    """Made up to one there would be nothing left to learn."""
    model = of_graph(Candidates())
    model.compile(keras.optimizers.Adam(0.05), minus_log)
    near = (X[:, None, :, 0] > 0.3).astype("float32") * np.ones((96, 12, 1), "float32")
    report = ci.diagnose(model, [X, near], MEAN)
    assert not found(report), str(report)
