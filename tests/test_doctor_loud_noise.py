"""Random numbers in layers of the user's own: too many, and as many as are meant."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor import _loud_noise

# Trials of trainings on any backend.
pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 12)).astype("float32")
Y = (np.tanh(X[:, :1]) + 0.3 * X[:, 1:2]).astype("float32")


@keras.saving.register_keras_serializable("loud_noise")
class Drawn(layers.Layer):
    """A kernel that is drawn at each call, from a deviation that is learnt."""

    def __init__(self, units, spread, activation=None, plain=False, **others):
        super().__init__(**others)
        self.units, self.spread, self.plain = units, spread, plain
        self.activation = keras.activations.get(activation)
        self.draws = keras.random.SeedGenerator(7)

    def build(self, shape):
        size = (shape[-1], self.units)
        start = keras.initializers.Constant(self.spread)
        self.middle = self.add_weight(size, "glorot_normal", name="middle")
        self.rho = self.add_weight(size, start, name="rho")
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def call(self, x):
        deviation = self.rho if self.plain else ops.softplus(self.rho)
        noise = keras.random.normal(ops.shape(self.middle), seed=self.draws)
        return self.activation(ops.matmul(x, self.middle + deviation * noise) + self.bias)


def report_of(*parts):
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((12,)), *parts])
    model.compile(keras.optimizers.Adam(0.005), "mse")
    return ci.diagnose(model, X, Y)


@pytest.mark.parametrize("plain", [False, True])
def test_deviations_that_drown_the_means(plain):
    """Their weight is named, and a lower start trains: less five, or a twentieth."""
    start = 1.0
    report = report_of(Drawn(32, start, "relu", plain), Drawn(1, start, plain=plain))
    first = report.findings[0]
    assert first.code == "CW614", str(report)
    assert first.weight.endswith("/rho")
    assert first.evidence["share"] > 0.5
    assert first.treatment.healed, str(report)
    assert ("times 0.05" if plain else "minus 5") in first.treatment.change


HEALTHY = {
    "small deviations": lambda: (Drawn(32, -5.0, "relu"), Drawn(1, -5.0)),
    "noise of Keras": lambda: (
        layers.Dense(32, "relu"), layers.GaussianNoise(0.5), layers.Dropout(0.5), layers.Dense(1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY)
def test_noise_that_leaves_the_signal(name):
    """It is what a model may be meant to be trained with."""
    report = report_of(*HEALTHY[name]())
    assert "CW614" not in {f.code for f in report.findings}, str(report)


def test_a_single_draw_does_not_tell_whether_a_loss_falls():
    """What is high or low by itself says nothing, and what stays low has fallen."""
    assert not _loud_noise._falls([3.0, 9.0, 8.0, 7.0, 9.0, 1.0])
    assert _loud_noise._falls([9.0, 8.0, 7.0, 3.0, 2.0, 9.0, 1.0])


def test_what_falls_a_little_beside_what_is_learnt_without_the_noise():
    """A loss that halves stays at fault where a thousandth is reached from the other start."""
    assert _loud_noise._is_learnt(10_000.0, 4000.0, 0.7)
    assert not _loud_noise._is_learnt(10_000.0, 4000.0, 700.0)
    assert not _loud_noise._is_learnt(0.6, 4000.0, 0.7)
