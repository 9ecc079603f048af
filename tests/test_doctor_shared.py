"""One object as the constraint of several weights, and one constraint for gates side by side."""

import functools

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._own_copies import as_made

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype("float32")
Y = X.sum(1, keepdims=True)
SERIES = RNG.normal(size=(32, 5, 3)).astype("float32")


class Banded(keras.constraints.Constraint):
    """Keeps what is near the diagonal; the mask is made at the first call."""

    def __init__(self, width=2, mask=None):
        self.width = width
        self.mask = mask

    def __call__(self, w):
        if self.mask is None:
            rows, columns = np.indices(tuple(w.shape))
            self.mask = (np.abs(rows - columns) <= self.width).astype("float32")
        return w * ops.convert_to_tensor(self.mask)


class OfFirst(keras.constraints.Constraint):
    """Keeps the signs of the weight of its first call."""

    def __init__(self):
        self.signs = None

    def __call__(self, w):
        if self.signs is None:
            self.signs = ops.sign(ops.convert_to_tensor(w))
        return self.signs * ops.relu(self.signs * w)


class Largest(keras.constraints.Constraint):
    """Keeps the larger half of the weight of its first call, by a tensor."""

    def __init__(self, density=0.5):
        self.density = density
        self.mask = None

    def __call__(self, w):
        if self.mask is None:
            cut = ops.quantile(ops.abs(w), 1.0 - self.density)
            self.mask = ops.cast(ops.abs(w) >= cut, w.dtype)
        return w * self.mask


@keras.saving.register_keras_serializable("shared")
class Orthonormal(keras.constraints.Constraint):
    """The orthogonal factor, which is square for a wide matrix."""

    def __call__(self, w):
        q, r = ops.qr(w)
        return q * ops.where(ops.diagonal(r) < 0, -1.0, 1.0)


def centred(w):
    """A square matrix without a part along the identity."""
    return w - ops.trace(w) / w.shape[0] * ops.eye(w.shape[0])


def diagnosed(*parts, x=X):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(x.shape[1:]), *parts, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return ci.diagnose(model, x, x.reshape(len(x), -1).sum(1, keepdims=True))


def first_of(report):
    return next(f for f in report.findings if f.counts)


def test_an_object_that_keeps_the_mask_of_another_weight():
    """The weights that share it and what it keeps are named; each with its own heals."""
    shared = Banded(3)
    report = diagnosed(
        layers.Dense(8, "tanh", kernel_constraint=shared, name="a"),
        layers.Dense(8, "tanh", kernel_constraint=shared, name="b"),
        layers.Dense(7, "tanh", kernel_constraint=shared, name="c"),
    )
    found = [f for f in report.findings if f.code == "CW201"]
    assert [f.layer for f in found] == ["b", "c"], str(report)
    first = found[0]
    assert "/a/kernel, too, and of sequential" in first.message
    assert "self.mask, of shape (6, 8)" in first.message
    assert "kernel_constraint=Banded(width=3), and not the same object" in first.fix
    assert all(f.treatment.healed for f in found), str(report)
    assert "'c/kernel': Banded(width=3)," in first.treatment.code
    assert shared.mask is None, "the doctor puts back what a call has made"


def test_an_object_that_keeps_a_tensor_of_another_weight():
    """The shape of what a trace on JAX has kept tells, too; no mended object keeps such a thing."""
    shared = Largest(0.5)
    report = diagnosed(
        layers.Dense(8, "tanh", kernel_constraint=shared, name="a"),
        layers.Dense(4, "tanh", kernel_constraint=shared, name="b"),
    )
    found = first_of(report)
    assert (found.code, found.layer) == ("CW201", "b"), str(report)
    assert "/a/kernel, too, and keeps self.mask, of shape (6, 8)" in found.message, str(report)
    assert found.treatment.healed, str(report)
    assert "'b/kernel': Largest(" in found.treatment.code
    leaks = [f for f in report.findings if f.code == "CW207"]
    assert all(f.treatment.healed for f in leaks), str(report)
    assert shared.mask is None, "the doctor puts back what a call has made"


def test_what_a_start_inside_hides_is_no_consequence_of_the_start():
    """A call outside of a step leaves no tensor of one: that it did is told first all the same."""
    own = [layers.Dense(8, "tanh", kernel_constraint=Largest(0.5), name=name) for name in "ab"]
    report = diagnosed(*own)
    leaks = [f for f in report.findings if f.code == "CW207"]
    assert len(leaks) == 2 * (keras.backend.backend() == "jax"), str(report)
    assert not any(f.cause for f in leaks), str(report)
    assert not leaks or first_of(report) is leaks[0], str(report)


def test_an_object_for_each_weight_is_healthy():
    """No two weights share what it makes; nor does one that keeps nothing."""
    own = [layers.Dense(8, kernel_constraint=Banded(3)) for _ in range(2)]
    report = diagnosed(*own)
    assert not [f for f in report.findings if f.code in ("CW201", "CW202", "CW207")], str(report)


def test_a_mask_that_fits_no_weight_is_no_matter_of_sharing():
    """What an object of its own does as well is told as it was."""
    mask = np.ones((6, 4), "float32")
    wrong = Banded(mask=mask)
    report = diagnosed(
        layers.Dense(8, kernel_constraint=wrong), layers.Dense(8, kernel_constraint=wrong)
    )
    found = [f for f in report.findings if f.code == "CW201"]
    assert len(found) == 2, str(report)
    assert "same object" not in found[0].message


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="a compiled step has no values")
def test_an_object_that_keeps_what_it_made_of_the_values_of_another_weight():
    """The second weight is given the signs of the first, which no shape tells."""
    shared = OfFirst()
    report = diagnosed(
        layers.Dense(6, "tanh", kernel_constraint=shared, name="a"),
        layers.Dense(6, "tanh", kernel_constraint=shared, name="b"),
    )
    [found] = [f for f in report.findings if f.code == "CW207"]
    assert found.layer == "b"
    assert "keeps self.signs" in found.message
    assert "kernel_constraint=OfFirst()" in found.fix
    assert found.treatment.healed, str(report)


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("constraint", "code", "gates", "layer"),
    [
        (Orthonormal(), "CW202", 3, layers.GRU),
        (Orthonormal(), "CW202", 4, layers.LSTM),
        (centred, "CW201", 3, layers.GRU),
    ],
    ids=["gru", "lstm", "raises"],
)
def test_a_constraint_of_one_matrix_on_gates_side_by_side(constraint, code, gates, layer):
    """How the kernel is laid out is said; the same constraint of each gate heals."""
    report = diagnosed(layer(5, recurrent_constraint=constraint, name="here"), x=SERIES)
    first = first_of(report)
    assert first.code == code, str(report)
    assert "works for a single gate, of shape (5, 5)" in first.message
    assert f"holds its {gates} gates" in first.message
    name = "centred" if constraint is centred else "Orthonormal()"
    assert f"recurrent_constraint=ci.Blocks({name}, {gates})" in first.fix
    assert first.treatment.healed, str(report)
    assert f"ci.Blocks({name}, {gates})" in first.treatment.code


def test_blocks_of_a_constraint_of_the_users_own_are_saved():
    """What is offered trains, and comes back from its config."""
    made = ci.Blocks(Orthonormal(), 2)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
    w = RNG.normal(size=(3, 6)).astype("float32")
    image = ops.convert_to_numpy(again(ops.convert_to_tensor(w)))
    assert np.allclose(image[:, :3].T @ image[:, :3], np.eye(3), atol=1e-5)
    assert np.allclose(image, ops.convert_to_numpy(made(ops.convert_to_tensor(w))))


def bounded(w, low, high=1.0):
    return ops.clip(w, low, high)


def test_a_partial_is_written_out():
    """What is to paste has its function and its arguments."""
    assert as_made(functools.partial(bounded, -0.5)) == "functools.partial(bounded, -0.5)"
    made = as_made(functools.partial(bounded, low=-0.5, high=2.0))
    assert made == "functools.partial(bounded, low=-0.5, high=2.0)"
