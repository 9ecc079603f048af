"""What holds a layer to the same output for every example is named, and opened."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 6)).astype("float32")
Y = X[:, :1] - X[:, 1:2]


@keras.saving.register_keras_serializable("test_doctor_shut")
class Gate(layers.Layer):
    """Inputs count where their gate is above one half; the gates start at `start`."""

    def __init__(self, start=0.4, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        start = keras.initializers.Constant(self.start)
        self.gate = self.add_weight(
            shape=(shape[-1],), initializer=start, constraint=ci.Box(0.0, 1.0), name="gate"
        )

    def call(self, x):
        return ops.where(self.gate > 0.5, x * self.gate, 0.0)

    def get_config(self):
        return {**super().get_config(), "start": self.start}


def report_of(*parts, x=X, y=Y, loss="mse"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(x.shape[1:], dtype=x.dtype.name), *parts])
    model.compile(keras.optimizers.Adam(0.01), loss)
    return ci.diagnose(model, x, y)


def first_of(report):
    return next((finding for finding in report.findings if finding.counts), None)


def normalized(kind, start):
    return kind(gamma_initializer=start, name="norm"), layers.ReLU(), layers.Dense(1)


@pytest.mark.parametrize("kind", [layers.BatchNormalization, layers.LayerNormalization])
def test_a_scale_of_zeros_before_a_relu(kind):
    """It is named, with all that is dead behind it, and ones heal; a scale of ones is sound."""
    first = first_of(report_of(*normalized(kind, "zeros")))
    assert first.code == "CW405"
    assert first.weight.endswith("norm/gamma")
    assert "ones" in first.fix
    assert first.treatment.healed
    sound = report_of(*normalized(kind, "ones"))
    assert sound.ok, str(sound)


def test_a_gate_that_is_compared_and_starts_below():
    """The line is named, and a smooth map heals; above the threshold it is sound."""
    first = first_of(report_of(Gate(), layers.Dense(8, "relu"), layers.Dense(1)))
    assert first.code == "CW405"
    assert first.weight.endswith("/gate")
    assert "self.gate > 0.5" in first.source.text
    assert first.treatment.healed
    sound = report_of(Gate(0.8), layers.Dense(8, "relu"), layers.Dense(1))
    assert sound.ok, str(sound)


def sequences(steps, before=False):
    """Words from 10 on, of which one says the label, and zeros behind them."""
    x, y = np.zeros((64, steps), "int32"), np.zeros((64, 1), "float32")
    for row in range(64):
        y[row] = row % 2
        words = DRAWS.integers(20, 60, size=5)
        words[DRAWS.integers(5)] = 10 + row % 2
        x[row, -5:] = words if before else 0
        if not before:
            x[row, :5] = words
    return x, y


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_padding_that_a_recurrence_is_not_told_of(kind):
    """It is counted, and a mask heals; padding that comes first is sound."""

    def report(before):
        x, y = sequences(120, before)
        parts = layers.Embedding(60, 8), getattr(layers, kind)(8), layers.Dense(1, "sigmoid")
        return report_of(*parts, x=x, y=y, loss="binary_crossentropy")

    first = first_of(report(False))
    assert first.code == "CW405"
    assert "the last 115 are 0" in first.message
    assert first.treatment.healed, first.treatment
    assert first_of(report(True)) is None
