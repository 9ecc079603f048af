"""Faults beside known ones: other maps, other matrices, state in a constraint, a far-off bound."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

BACKEND = keras.backend.backend()


def diagnosed(*parts, shape=(6,), rate=1e-3):
    """What the doctor says of a model on a batch that it can learn."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), *parts])
    model.compile(keras.optimizers.Adam(rate), "mse")
    x = np.random.default_rng(0).uniform(0, 1, size=(64, *shape)).astype("float32")
    return ci.diagnose(model, x, x.reshape(64, -1)[:, :1])


@keras.saving.register_keras_serializable("siblings")
class Mapped(layers.Layer):
    """Weights that are a positive function of free ones."""

    def __init__(self, units, positive, activation, **named):
        super().__init__(**named)
        self.units, self.positive, self.activation = units, positive, activation

    def build(self, shape):
        self.free = self.add_weight((shape[-1], self.units), "random_normal", name="free")

    def call(self, x):
        return ops.tanh(ops.matmul(x, self.positive(self.free)))

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units)


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("positive", "how"),
    [(ops.exp, "lower"), (lambda w: ops.abs(20 * w), "times")],
    ids=["exponential", "absolute"],
)
def test_positive_weights_by_a_map_start_off_the_flat_ends(positive, how):
    """An exponential is moved down, an absolute value made smaller."""
    tanh = keras.activations.tanh
    own = Mapped(16, positive, tanh, name="own")
    report = diagnosed(own, layers.Dense(1), shape=(40,))
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW402", "own"), str(report)
    assert first.treatment.healed, str(report)
    assert "own/free starts" in first.treatment.change
    assert how in first.treatment.change
    assert "initializer(shape, dtype)" in first.treatment.code


@keras.saving.register_keras_serializable("siblings")
class Normalized(keras.constraints.Constraint):
    """A spectral norm of one, of a filter as the matrix that a shape makes of it."""

    def __init__(self, taps_as_rows):
        self.taps_as_rows = taps_as_rows

    def __call__(self, w):
        shape = (w.shape[0], -1) if self.taps_as_rows else (-1, w.shape[-1])
        matrix = ops.reshape(ops.convert_to_tensor(w), shape)
        u = ops.ones((matrix.shape[0], 1), dtype=matrix.dtype)
        for _ in range(30):
            v = ops.matmul(ops.transpose(matrix), u)
            v = v / ops.norm(v)
            u = ops.matmul(matrix, v)
            u = u / ops.norm(u)
        return w / ops.sum(u * ops.matmul(matrix, v))

    def get_config(self):
        return {"taps_as_rows": self.taps_as_rows}


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("taps_as_rows", [True, False])
def test_a_filter_as_another_matrix(taps_as_rows):
    """Its taps as rows, as in the layout of PyTorch, give another norm than that of its units."""
    own = layers.Conv1D(
        8, 3, kernel_initializer="orthogonal", kernel_constraint=Normalized(taps_as_rows),
        name="own",
    )  # fmt: skip
    report = diagnosed(own, layers.Flatten(), layers.Dense(1), shape=(10, 8))
    found = [f for f in report.findings if f.code == "CW301"]
    assert len(found) == taps_as_rows, str(report)
    for finding in found:
        assert finding.evidence["axis"] == [0]
        assert finding.evidence["bound"] == pytest.approx(1, rel=0.02)
        assert finding.evidence["norm"] < 0.7
        assert finding.treatment.healed, str(report)
        assert "ci.SpectralNorm(bound=1.0)" in finding.treatment.change


@keras.saving.register_keras_serializable("siblings")
class Kept(keras.constraints.Constraint):
    """A power iteration, one turn a call, that goes on from where it was."""

    def __init__(self, units=4):
        self.units = units
        self.u = keras.Variable(np.ones((1, units), "float32"), trainable=False)

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        v = ops.matmul(self.u, ops.transpose(w))
        v = v / ops.norm(v)
        u = ops.matmul(v, w)
        self.u.assign(u / ops.norm(u))
        return w / ops.norm(u)

    def get_config(self):
        return {"units": self.units}


def test_a_variable_that_a_constraint_keeps():
    """A step on JAX throws away what is assigned to it; elsewhere that is sound, and a note."""
    constraint = Kept()
    before = np.array(constraint.u)
    report = diagnosed(layers.Dense(4, kernel_constraint=constraint), layers.Dense(1))
    found = [f for f in report.findings if f.code == "CW207"]
    assert [f.level for f in found] == ["warning" if BACKEND == "jax" else "info"], str(report)
    assert "self.u" in found[0].message
    assert "CW205" not in [f.code for f in report.findings]
    assert np.array_equal(before, constraint.u)


@keras.saving.register_keras_serializable("siblings")
class Field(layers.Layer):
    """A Gaussian process whose length scale grows until its matrix is singular."""

    def build(self, shape):
        start = keras.initializers.Constant(0.15)
        self.length = self.add_weight((), start, constraint="non_neg", name="length")
        self.mean = self.add_weight((16, 1), "zeros", name="mean")

    def gram(self, a, b):
        return ops.exp(-0.5 * ops.square((a - ops.transpose(b)) / self.length))

    def call(self, x):
        at = ops.convert_to_tensor(np.linspace(0, 1, 16).astype("float32")[:, None])
        root = ops.cholesky(self.gram(at, at))
        return ops.matmul(
            ops.transpose(ops.solve_triangular(root, self.gram(at, x), lower=True)), self.mean
        )

    def compute_output_shape(self, shape):
        return (shape[0], 1)


@pytest.mark.in_turns(every=16)
def test_a_bound_that_training_is_far_from_is_not_at_fault():
    """The matrix is singular by rounding, and gets a little on its diagonal."""
    report = diagnosed(Field(name="field"), shape=(1,), rate=0.02)
    first = report.findings[0]
    assert first.code in ("CW001", "CW401"), str(report)
    assert (first.layer, first.level) == ("field", "error")
    assert "holesky" in first.message
    assert first.treatment.healed, str(report)
    assert "on the diagonal" in first.treatment.change
    assert "matrix.shape[-1]" in first.treatment.diff
    bound = [f for f in report.findings if f.code == "CW302"]
    assert all(f.level != "error" and not f.evidence["reached"] for f in bound)


@keras.saving.register_keras_serializable("siblings")
class Rising(layers.Layer):
    """Weights that are the softplus of free ones, and a tanh."""

    def __init__(self, units, start=0.0, **named):
        super().__init__(**named)
        self.units, self.start, self.activation = units, start, keras.activations.tanh

    def build(self, shape):
        start = keras.initializers.RandomNormal(self.start, 0.1)
        self.free = self.add_weight((shape[-1], self.units), start, name="free")

    def call(self, x):
        return self.activation(ops.matmul(x, ops.softplus(self.free)))

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units)


@pytest.mark.parametrize("start", [0.0, -3.0])
def test_positive_weights_of_centered_inputs(start):
    """What goes to both flat ends varies most of all, and is saturated: each matrix is lowered."""
    keras.utils.set_random_seed(0)
    rising = [Rising(48, start, name=name) for name in ("first", "second")]
    model = keras.Sequential([keras.Input((6,)), *rising, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = np.random.default_rng(0).uniform(-1, 1, size=(64, 6)).astype("float32")
    found = [f for f in ci.diagnose(model, x, np.tanh(x.sum(axis=1))[:, None]).findings if f.counts]
    assert bool(found) == (start == 0.0)
    for first in found[:1]:
        assert (first.code, first.layer) == ("CW402", "second")
        assert first.weight.endswith("second/free")
        assert "first/free" in first.fix
        assert first.treatment is not None
        assert first.treatment.healed
        assert "second/free starts" in first.treatment.change
        assert "lower" in first.treatment.change
