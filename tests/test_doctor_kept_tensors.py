"""Constraints that keep a tensor of one call for the next."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.model import walk

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
JAX = keras.backend.backend() == "jax"

registered = keras.saving.register_keras_serializable("test_doctor_kept_tensors")
pytestmark = pytest.mark.usefixtures("_without_treatments")


@pytest.fixture
def _without_treatments(monkeypatch):
    monkeypatch.setattr("constrainit.doctor._diagnose.treat", lambda *arguments: None)


@registered
class FirstRow(keras.constraints.Constraint):
    """The first row stays what it was at the first call."""

    first = None

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        if self.first is None:
            self.first = w
        return ops.concatenate([self.first[:1], w[1:]])


@registered
class Masked(keras.constraints.Constraint):
    """A mask that is made at the first call."""

    mask = None

    def __call__(self, w):
        if self.mask is None:
            self.mask = ops.cast(np.arange(w.shape[0])[:, None] > 0, "float32")
        return w * self.mask


@registered
class MaskedByNumpy(keras.constraints.Constraint):
    """A mask that is no tensor."""

    mask = None

    def __call__(self, w):
        if self.mask is None:
            self.mask = (np.arange(w.shape[0])[:, None] > 0).astype("float32")
        return w * self.mask


@registered
class Listed(keras.constraints.Constraint):
    """A tensor in a list, which is not seen."""

    def __init__(self):
        self.held = []

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        self.held.append(w)
        return w + 0.0 * self.held[0]


def diagnosed(constraint):
    keras.utils.set_random_seed(0)
    start = keras.initializers.RandomUniform(0.1, 0.5, seed=0)
    dense = layers.Dense(3, kernel_initializer=start, kernel_constraint=constraint, name="dense")
    model = keras.Sequential([keras.Input((4,)), dense, layers.Dense(1, name="out")])
    model.compile("sgd", "mse")
    return ci.diagnose(model, X, X[:, :1]), model


def told(report, code):
    return [f for f in report.findings if f.code == code and f.counts]


def test_a_weight_that_is_kept_is_told_of():
    """The attribute, and what fit makes of it; the constraint has kept nothing afterwards."""
    report, model = diagnosed(FirstRow())
    [finding] = told(report, "CW207")
    assert report.findings[0] is finding
    assert "in self.first" in finding.message
    assert "convert_to_numpy" in finding.fix
    assert finding.level == ("error" if JAX else "warning")
    assert ("UnexpectedTracerError" in finding.message) is JAX
    constraint = next(r.constraint for r in walk(model) if r.constraint is not None)
    assert vars(constraint) == {}


def test_a_mask_that_is_made_at_the_first_call():
    """As a tensor it belongs to one compiled step of JAX; elsewhere, and by NumPy, it is sound."""
    found = told(diagnosed(Masked())[0], "CW207")
    assert bool(found) is JAX
    assert all("NumPy" in finding.fix for finding in found)
    assert not told(diagnosed(MaskedByNumpy())[0], "CW207")


def test_what_is_kept_out_of_sight_does_not_break_the_look():
    """What another compilation raises is a finding, with what is to do."""
    found = told(diagnosed(Listed())[0], "CW201")
    assert bool(found) is JAX
    for finding in found:
        assert "UnexpectedTracerError" in finding.message
        assert "keeps a tensor" in finding.fix
