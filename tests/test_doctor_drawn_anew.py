"""Arrays that a layer draws for itself, and that a file gives back as others."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype("float32")
Y = X[:, :1] - X[:, 1:2]


class Sparse(layers.Layer):
    """A mask that `build` draws."""

    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        super().build(shape)
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
        self.mask = self.drawn(shape[-1]).astype("float32")
        self.still = self.add_weight(shape=(), name="still", trainable=False)

    def drawn(self, inputs):
        return np.random.rand(inputs, self.units) < 0.5  # noqa: NPY002

    def call(self, x):
        return ops.relu(ops.matmul(x, self.kernel * self.mask))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Seeded(Sparse):
    """One that comes out the same each time."""

    def drawn(self, inputs):
        return np.random.default_rng(3).random((inputs, self.units)) < 0.5


class Stored(Sparse):
    """One that the layer writes into the file by itself."""

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["mask"] = self.mask

    def load_own_variables(self, store):
        self.mask = np.array(store.pop("mask"))
        super().load_own_variables(store)


class Unused(Seeded):
    """One that only training asks for, and what the last call gave."""

    def build(self, shape):
        super().build(shape)
        self.noise = np.random.rand(self.units).astype("float32")  # noqa: NPY002
        self.last = None

    def call(self, x, training=False):
        self.last = super().call(x)
        return self.last * self.noise if training else self.last


class Shuffled(layers.Layer):
    """A permutation, as a list of numbers."""

    def build(self, shape):
        self.order = [int(one) for one in np.random.permutation(shape[-1])]  # noqa: NPY002

    def call(self, x):
        return ops.take(x, self.order, axis=-1)


class Kept(layers.Layer):
    """A tensor of the backend, drawn when the layer is made."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.turn = keras.random.uniform((6, 6))

    def call(self, x):
        return ops.matmul(x, self.turn)


def diagnosed(*parts):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), *(part() for part in parts), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    # As a session goes on: the numbers that were drawn first may be drawn again.
    keras.utils.set_random_seed(0)
    return model, ci.diagnose(model, X, Y)


def found_by(report):
    return [f for f in report.findings if f.code == "CW706"]


def test_a_mask_is_kept_as_a_weight():
    """The line is named, the edit heals, and the model is as it was."""
    model, report = diagnosed(lambda: Sparse(name="one"), lambda: Sparse(4, name="two"))
    mask = model.layers[0].mask
    one, two = found_by(report)
    assert (one.level, one.layer, two.layer) == ("warning", "one", "two")
    assert one.source.text.startswith("self.mask = self.drawn")
    assert one.treatment.healed, str(report)
    assert two.treatment.healed
    assert one.treatment.after["moved"] == 0
    assert "+        mask = self.drawn" in one.treatment.diff
    assert isinstance(mask, np.ndarray)
    assert len(model.layers[0].non_trainable_variables) == 1
    assert not [f for f in report.findings if f.counts and f.code != "CW706"], str(report)


@pytest.mark.parametrize("part", [Shuffled, Kept])
def test_what_else_is_drawn(part):
    """Lists of numbers, and tensors that the constructor makes."""
    _, report = diagnosed(part, lambda: layers.Dense(4))
    assert [f.evidence["moved"] > 0 for f in found_by(report)] == [True], str(report)


@pytest.mark.parametrize("part", [Seeded, Stored, Unused])
def test_nothing_is_said_of_what_comes_back(part):
    """Nor of what outputs do not depend on."""
    _, report = diagnosed(part)
    assert not found_by(report), str(report)


def test_the_same_is_true_of_a_file(tmp_path):
    """What is reported happens, by as much as is told or of that size."""
    model, report = diagnosed(Sparse)
    path = tmp_path / "model.keras"
    model.save(path)
    keras.utils.set_random_seed(1)
    again = keras.saving.load_model(path, {"Sparse": Sparse}, compile=False)
    moved = np.abs(ops.convert_to_numpy(model(X) - again(X))).max()
    [found] = found_by(report)
    assert 0.1 < moved / found.evidence["moved"] < 10
