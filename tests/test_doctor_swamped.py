"""What layers add to a loss, beside the loss of the data."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

DRAWS = np.random.default_rng(0)
KINDS = DRAWS.random((4, 32)) > 0.5
PICTURES = np.abs(KINDS[np.arange(64) % 4] - 0.1 * DRAWS.random((64, 32))).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_swamped")
class Code(layers.Layer):
    """A code with noise, which is pulled to no code at all."""

    def __init__(self, weight, offset=0.0, **named):
        super().__init__(**named)
        self.weight, self.offset = weight, offset
        self.middle, self.width = layers.Dense(8), layers.Dense(8)
        self.seed = keras.random.SeedGenerator(1)

    def build(self, shape):
        self.middle.build(shape)
        self.width.build(shape)

    def call(self, x):
        middle, width = self.middle(x), self.width(x)
        pull = 0.5 * ops.sum(ops.exp(width) + ops.square(middle) - 1 - width, axis=1)
        self.add_loss(self.weight * ops.mean(pull) + self.offset)
        return middle + ops.exp(width / 2) * keras.random.normal(ops.shape(middle), seed=self.seed)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight, "offset": self.offset}


def diagnosed(*given):
    keras.utils.set_random_seed(0)
    bounded = {"activation": "tanh", "kernel_constraint": keras.constraints.MaxNorm(3.0)}
    inner = [layers.Dense(32, **bounded), Code(*given, name="code"), layers.Dense(32, **bounded)]
    model = keras.Sequential([keras.Input((32,)), *inner, layers.Dense(32, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return ci.diagnose(model, PICTURES, PICTURES)


def test_a_divergence_that_is_a_sum_beside_an_error_that_is_a_mean():
    """Every picture comes out the same, and would not without it."""
    report = diagnosed(1.0)
    first = next(finding for finding in report.findings if finding.counts)
    assert (first.code, first.layer) == ("CW609", "code"), str(report)
    assert first.evidence["share"] > 0.25
    assert first.evidence["data_loss_alone"] < 0.7 * first.evidence["data_loss_after"]


@pytest.mark.parametrize("given", [(1e-3,), (1e-3, 5.0)], ids=["small", "a constant"])
def test_what_is_added_leaves_the_data_to_be_learnt(given):
    report = diagnosed(*given)
    assert "CW609" not in {finding.code for finding in report.findings}, str(report)
