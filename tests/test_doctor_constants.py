"""Constants of the user's own code that are not finite."""

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
LABELS = np.eye(3, dtype="float32")[(X[:, 0] > 0).astype(int)]
COUNTS = LABELS.sum(axis=0)
with np.errstate(divide="ignore", invalid="ignore"):
    SHARES, MASK = len(X) / COUNTS, np.zeros(4, "float32") / np.asarray([1, 2, 0, 1], "float32")


def in_a_closure(shares):
    held = ops.convert_to_tensor(shares, "float32")

    def loss(y, p):
        return -ops.sum(y * ops.log(ops.clip(p, 1e-7, 1 - 1e-7)) * held, axis=-1)

    return loss


def of_the_module(y, p):
    shares = ops.convert_to_tensor(SHARES, "float32")
    return -ops.sum(y * ops.log(ops.clip(p, 1e-7, 1 - 1e-7)) * shares, axis=-1)


class InAnAttribute(keras.losses.Loss):
    def __init__(self, shares):
        super().__init__()
        self.shares = shares

    def call(self, y, p):
        shares = ops.convert_to_tensor(self.shares, "float32")
        return -ops.sum(y * ops.log(ops.clip(p, 1e-7, 1 - 1e-7)) * shares, axis=-1)


@keras.saving.register_keras_serializable("test_doctor_constants")
class Masked(layers.Layer):
    """Its mask holds a NaN, 0/0."""

    def __init__(self, mask=None, **named):
        super().__init__(**named)
        self.mask = MASK if mask is None else mask

    def call(self, x):
        return x * (1 - ops.convert_to_tensor(self.mask))


def report_of(loss, *before):
    keras.utils.set_random_seed(0)
    bounded = layers.Dense(8, "tanh", kernel_constraint=keras.constraints.MaxNorm(3.0))
    model = keras.Sequential(
        [keras.Input((4,)), *before, bounded, layers.Dense(3, "softmax", name="last")]
    )
    model.compile(keras.optimizers.Adam(0.01), loss)
    return ci.diagnose(model, X, LABELS)


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (in_a_closure(SHARES), "held"), (of_the_module, "SHARES"),
        (InAnAttribute(SHARES), "self.shares"),
    ],
    ids=["closure", "module", "attribute"],
)  # fmt: skip
def test_infinite_weights_of_classes(loss, name):
    """The constant and its entry are named, and finite ones heal; the user's stays as it is."""
    report = report_of(loss)
    first = report.findings[0]
    assert (first.code, first.treatment.healed) == ("CW502", True), str(report)
    assert f"{name}, a constant of the loss, is infinite at 1 of its 3 entries (2)" in first.message
    assert f"isfinite({name})" in first.treatment.code
    assert "not there" in first.fix
    assert np.isinf(SHARES[2])
    assert not isinstance(loss, InAnAttribute) or np.isinf(loss.shares[2])


def test_a_mask_that_holds_a_nan():
    """No operation is at fault where it comes in."""
    layer = Masked(name="masked")
    report = report_of("categorical_crossentropy", layer)
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW401", "masked"), str(report)
    assert "self.mask, a constant of 'masked', is NaN at 1 of its 4 entries (2)" in first.message
    assert first.treatment.healed, str(report)
    assert np.isnan(array(layer.mask)).sum() == 1


def test_finite_weights_and_infinite_ones_that_do_no_harm():
    """A loss of a sound model, and a bound that nothing comes to."""

    def bounded(y, p):
        held = ops.minimum(ops.sum(ops.square(y - p), axis=-1), np.inf)
        return held + 0.0 * ops.sum(p, axis=-1)

    for loss in (in_a_closure(np.ones(3)), bounded):
        assert not [f for f in report_of(loss).findings if f.code in ("CW401", "CW502")]
