"""What runs along the examples of a batch is tried along an axis of each of them."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from test_doctor_inputs import Pool

import constrainit as ci
from constrainit.doctor.treatments.each_example import along_an_axis

# What the rules say follows from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
Y = np.where(X[:, 0] > 0, 2 + X[:, 1], -2 - X[:, 2])[:, None].astype("float32")
STEPS = np.random.default_rng(1).normal(size=(64, 5, 3)).astype("float32")


@keras.saving.register_keras_serializable("each_example")
class Gates(layers.Layer):
    """Shares of four experts, by a softmax along the first axis."""

    def build(self, shape):
        self.kernel = self.add_weight((shape[-1], 4), name="kernel")

    def call(self, x):
        return ops.softmax(ops.matmul(x, self.kernel), axis=0)

    def compute_output_shape(self, shape):
        return (shape[0], 4)


def treatment_of(model, x, y, layer):
    model.compile(keras.optimizers.Adam(0.02), "mse")
    report = ci.diagnose(model, x, y)
    (first,) = [one for one in report.findings if one.code == "CW415"]
    assert first.layer == layer, str(report)
    assert first.treatment is not None, str(report)
    assert first.treatment.healed, str(report)
    return first.treatment


def test_a_gate_over_the_batch():
    """The softmax is edited, and the model learns."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    gates = Gates(name="gates")(inputs)
    experts = layers.Dense(4)(layers.Dense(16, "relu")(inputs))
    model = keras.Model(inputs, layers.Dot(axes=-1)([gates, experts]))
    treatment = treatment_of(model, X, Y, "gates")
    assert "+        return ops.softmax(ops.matmul(x, self.kernel), axis=-1)" in treatment.diff


def test_an_axis_that_was_given():
    """It is another argument; of the axes the one that the model learns with."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5, 3)), Pool(0, name="pool"), layers.Dense(1)])
    treatment = treatment_of(model, STEPS, STEPS[:, :, :1].mean(axis=1), "pool")
    assert treatment.code.startswith("Pool(1)")


def test_sums_keep_the_axis():
    """They are put together with what they are taken of; other axes and calls stay."""
    done = along_an_axis(-1)("x - ops.mean(x, axis=0)\nops.sum(x, 1)\nops.stack([x], axis=0)\n")
    assert done is not None
    assert done[1] == (
        "x - ops.mean(x, axis=-1, keepdims=True)\nops.sum(x, 1)\nops.stack([x], axis=0)\n"
    )
    assert along_an_axis(-1)("ops.softmax(x, axis=1)\n") is None


class Enlarged(layers.Layer):
    """What is seen of the last digits of its inputs alone, which the mean of a batch moves, too."""

    def build(self, shape):
        self.w = self.add_weight(shape=shape[1:], initializer="ones")

    def call(self, x):
        return ops.sin(1e7 * (x * self.w + 1e-7 * ops.mean(x)))


def test_enlarged_rounding_mixes_no_examples():
    """It changes with the size of the batch, and as much with the last digit of the inputs."""
    x = 1.0 + np.abs(X)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), Enlarged(), layers.Dense(1)])
    model.compile("adam", "mse")
    report = ci.diagnose(model, x, Y)
    assert "CW415" not in [finding.code for finding in report.findings], str(report)


@keras.saving.register_keras_serializable("each_example")
class Centred(layers.Layer):
    """A table of heights from zero on, less its mean over the batch."""

    def __init__(self, always=True, **kwargs):
        super().__init__(**kwargs)
        self.always = always

    def build(self, shape):
        self.heights = self.add_weight((4, 1), name="heights", initializer="zeros")
        self.mean = self.add_weight((1,), name="mean", initializer="zeros", trainable=False)

    def call(self, x, training=False):
        near = ops.relu(1.0 - ops.abs(x[:, :1] - ops.arange(-2.0, 2.0)))
        f = ops.matmul(near, self.heights)
        if training and not self.always:
            self.mean.assign(0.5 * self.mean + 0.5 * ops.stop_gradient(ops.mean(f, axis=0)))
        return f - (ops.mean(f, axis=0) if self.always or training else self.mean)

    def get_config(self):
        return {**super().get_config(), "always": self.always}


@pytest.mark.parametrize("always", [True, False])
def test_what_is_centred_over_the_batch(always):
    """Weights that start at zero hide it until the steps; statistics that are kept are no fault."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), Centred(always, name="shape"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    report = ci.diagnose(model, X, X[:, :1] ** 2)
    found = [finding.layer for finding in report.findings if finding.code == "CW415"]
    assert found == (["shape"] if always else []), str(report)
