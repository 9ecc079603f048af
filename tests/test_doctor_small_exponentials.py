"""Exponentials in code of the user's own that are next to nothing at the start: small models."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# Trials of trainings, and an edit of the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=8)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 2)).astype("float32") @ RNG.normal(size=(2, 24)).astype("float32")
X += 0.3 * RNG.normal(size=X.shape).astype("float32")
Y = (np.tanh(X[:, :1]) + 0.5 * np.tanh(X[:, 1:2])).astype("float32")


class Near(layers.Layer):
    """Units that tell how near their centers are: `kind` says how their width is held."""

    def __init__(self, kind, start, units=24, **others):
        super().__init__(**others)
        self.kind, self.start, self.units = kind, start, units

    def build(self, shape):
        self.centers = self.add_weight(
            shape=(self.units, shape[-1]), initializer=keras.initializers.RandomNormal(stddev=1.0)
        )
        self.wide = self.add_weight(
            name="wide",
            shape=(self.units,),
            initializer=keras.initializers.Constant(self.start),
            constraint=keras.constraints.NonNeg() if self.kind == "factor" else None,
        )

    def call(self, x):
        far = ops.sum(ops.square(ops.expand_dims(x, 1) - self.centers), axis=-1)
        if self.kind == "width":
            far = far / ops.square(self.wide)
        elif self.kind == "log":
            far = far * ops.exp(self.wide)
        elif self.kind == "factor":
            far = far * self.wide
        return self.wide * 0.0 + ops.exp(-far)


def of_units(*own, x=X):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((x.shape[1],)), *own, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def found(report):
    return [finding for finding in report.findings if finding.code == "CW412"]


@pytest.mark.parametrize("kind", ["factor", "width", "log", "none"])
def test_units_that_are_next_to_nothing_for_every_example(kind):
    """The weight that holds the width is started anew, or else the line is edited."""
    start = 0.0 if kind == "log" else 1.0
    report = ci.diagnose(of_units(Near(kind, start, name="own")), X, Y)
    (one,) = found(report)
    assert report.findings[0] is one
    assert (one.layer, one.level) == ("own", "warning")
    assert one.source is not None
    assert "exp(-far)" in one.source.text
    assert one.evidence["loss_with_larger_ones"] < 0.5 * one.evidence["loss_at_the_end"]
    assert one.treatment is not None
    assert one.treatment.healed, str(report)
    if kind == "none":
        assert "+        return self.wide * 0.0 + ops.exp(0.0" in one.treatment.diff
    else:
        assert "own/wide" in one.treatment.change


T = np.linspace(0, 1, 96, dtype="float32")[:, None]


class Grid(layers.Layer):
    """Bumps along one input, each of which is next to nothing but near its place."""

    def build(self, shape):
        self.places = self.add_weight(
            shape=(30,), initializer=lambda *_, **__: np.linspace(0, 1, 30)
        )

    def call(self, x):
        return ops.exp(-1e4 * ops.square(x - self.places))


class Normal(layers.Layer):
    """A small density, of which what is predicted is computed by its logarithm."""

    def build(self, shape):
        self.center = self.add_weight(shape=(24, 8), initializer="glorot_uniform")

    def call(self, x):
        density = ops.exp(-8.0 - ops.square(ops.matmul(x, self.center)))
        return ops.log(density + 1e-12) + 8.0


QUIET = {
    "fitting": (lambda: of_units(Near("factor", 0.02)), X, Y),
    "bumps": (lambda: of_units(Grid(), x=T), T, np.sin(6 * T)),
    "a logarithm": (lambda: of_units(Normal()), X, Y),
}


@pytest.mark.parametrize("name", QUIET)
def test_exponentials_with_which_a_model_trains(name):
    make, x, y = QUIET[name]
    report = ci.diagnose(make(), x, y)
    assert not found(report), str(report)
