"""Weights that `build` makes for another axis of the input than the one that is multiplied."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)


class Mix(layers.Layer):
    """A product along the last axis, with a kernel for another one."""

    def build(self, shape):
        super().build(shape)
        self.mix = self.add_weight(shape=(shape[1], 4), initializer="glorot_uniform", name="mix")

    def call(self, x):
        return ops.tanh(ops.matmul(x, self.mix))


class Unpacked(Mix):
    """The same, of a size with a name."""

    def build(self, shape):
        _, steps, _ = shape
        self.mix = self.add_weight(shape=(steps, 4), initializer="glorot_uniform", name="mix")


class Right(Mix):
    """The same of the last axis."""

    def build(self, shape):
        self.mix = self.add_weight(shape=(shape[-1], 4), initializer="glorot_uniform", name="mix")


class Narrow(Mix):
    """A kernel that fits no axis at all."""

    def build(self, shape):
        self.mix = self.add_weight(shape=(11, 4), initializer="glorot_uniform", name="mix")


class Net(keras.Model):
    """A model that is built by its first call."""

    def __init__(self, part, **kwargs):
        super().__init__(**kwargs)
        self.part, self.pool, self.out = part, layers.GlobalAveragePooling1D(), layers.Dense(1)

    def get_config(self):
        return {"part": keras.saving.serialize_keras_object(self.part)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["part"]))

    def call(self, x):
        return self.out(self.pool(self.part(x)))


def diagnosed(model):
    keras.utils.set_random_seed(0)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = np.random.default_rng(0).normal(size=(32, 9, 3)).astype("float32")
    return ci.diagnose(model, x, x.mean(axis=1)[:, :1])


def in_a_row(part):
    return keras.Sequential([part, layers.GlobalAveragePooling1D(), layers.Dense(1)])


@pytest.mark.filterwarnings("ignore:.*unbuilt state")
@pytest.mark.parametrize("whole", [Net, in_a_row])
@pytest.mark.parametrize(
    ("kind", "line"),
    [(Mix, "self.add_weight(shape=(shape[-1], 4)"), (Unpacked, "shape=(shape[-1], 4)")],
)
def test_a_kernel_for_the_steps(kind, line, whole):
    """The layer and its weight are named, and the model with the last axis in `build` is tried."""
    own = kind(name="own")
    before = kind.build.__code__
    model = whole(own)
    report = diagnosed(model)
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW001", "own"), str(report)
    assert first.weight.endswith("own/mix")
    assert (
        "The weight 'mix' of 'own' has the shape (9, 4), and what the layer is given has (32, 9, 3)"
        in (first.message)
    )
    assert first.treatment.healed, str(report)
    assert line in first.treatment.diff
    assert kind.build.__code__ is before
    assert not model.variables


@pytest.mark.filterwarnings("ignore:.*unbuilt state")
@pytest.mark.parametrize("kind", [Right, Narrow])
def test_other_kernels_are_not_said_to_be_for_another_axis(kind):
    """One that fits is built; one of a number that no axis has is not explained by an axis."""
    report = diagnosed(Net(kind(name="own")))
    failed = [finding for finding in report.findings if finding.code == "CW001"]
    assert bool(failed) == (kind is Narrow)
    assert all("is the size of its axis" not in one.message for one in failed)
    assert all(one.treatment is None for one in failed)
