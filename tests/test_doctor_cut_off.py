"""Bounds that leave nothing of what comes in: a calibrator whose keypoints lie beside the data."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)


@keras.saving.register_keras_serializable("cut_off")
class Calibrator(layers.Layer):
    """A curve of straight pieces between keypoints, which rises."""

    def __init__(self, low, high, count=11, **kwargs):
        super().__init__(**kwargs)
        self.low, self.high, self.count = low, high, count

    def build(self, shape):
        self.heights = self.add_weight(
            shape=(self.count - 1, 1), initializer=keras.initializers.Constant(0.1),
            constraint="non_neg", name="heights",
        )  # fmt: skip

    def call(self, x):
        keys = ops.linspace(self.low, self.high, self.count)
        part = (x - keys[:-1]) / (keys[1:] - keys[:-1])
        part = ops.clip(part, 0.0, 1.0)
        return ops.matmul(part, self.heights)

    def get_config(self):
        return {**super().get_config(), "low": self.low, "high": self.high, "count": self.count}


def diagnosed(low, high, before=()):
    """The report of a calibrator of a feature of 4 to 36."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), *before, Calibrator(low, high, name="curve")])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    x = np.random.default_rng(0).uniform(4.0, 36.0, size=(128, 1)).astype("float32")
    return ci.diagnose(model, x, 0.5 + np.sqrt(x))


def test_keypoints_beside_the_data():
    """The layer and its line are named; what helps is data that lies between the keypoints."""
    report = diagnosed(0.0, 1.0)
    first = report.findings[0]
    constant = next(f for f in report.findings if f.code == "CW405")
    assert (first.code, constant.layer) == ("CW602", "curve"), str(report)
    assert "all beyond bounds in line" in constant.message
    assert "reach as far as the data does" in first.fix
    assert first.treatment.healed, str(report)
    assert first.treatment.change == "inputs brought to between zero and one"
    assert "x.max(axis=0) - x.min(axis=0)" in first.treatment.code


@pytest.mark.parametrize("scaled", [False, True])
def test_keypoints_over_the_data(scaled):
    """The same curve over what the feature is, or of a feature that is scaled in front of it."""
    report = diagnosed(0.0, 1.0, [layers.Rescaling(1 / 36)]) if scaled else diagnosed(0.0, 40.0)
    assert not {f.code for f in report.findings if f.counts} & {"CW405", "CW602"}, str(report)
