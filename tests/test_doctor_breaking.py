"""Constraints that make NaN or infinity of finite weights: the operation that does so first."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments._safe_divisors import without_zeros

pytestmark = pytest.mark.in_turns(every=8)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(32, 4)).astype("float32")
Y = X[:, :1].copy()

registered = keras.saving.register_keras_serializable("test_doctor_breaking")


def model_of(constraint, start, **arguments):
    dense = layers.Dense(
        3, kernel_constraint=constraint, kernel_initializer=start, name="own", **arguments
    )
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), dense, layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def found_in(model, **arguments):
    """The finding, and all others that count."""
    counted = [f for f in ci.diagnose(model, X, Y, **arguments).findings if f.counts]
    own = [f for f in counted if f.code == "CW204"]
    return (own[0] if own else None), [f for f in counted if f.code != "CW204"]


def equal(value):
    return keras.initializers.Constant(value)


@registered
class Rooted(keras.constraints.Constraint):
    """What no set of constrainit does: it bends weights, by a root."""

    def __call__(self, w):
        return 0.5 * w + 0.1 * ops.sqrt(w)


@registered
class Summed(keras.constraints.Constraint):
    """Sums of roots from row to row."""

    def __call__(self, w):
        def add(before, row):
            after = 0.5 * before + ops.sqrt(row)
            return after, after

        w = ops.convert_to_tensor(w)
        return ops.scan(add, ops.zeros_like(w[0]), w)[1]


@registered
class Norms(keras.constraints.Constraint):
    def __call__(self, w):
        return w / ops.sqrt(ops.sum(ops.square(w)))


@pytest.fixture
def _untreated(monkeypatch):
    monkeypatch.setattr("constrainit.doctor._diagnose.treat", lambda *_: [])


@pytest.mark.parametrize(
    ("constraint", "start", "says", "line"),
    [
        (Rooted(), -0.25, "the operation is sqrt: square root of a negative number "
         "(operands in [-0.25, -0.25])", "return 0.5 * w + 0.1 * ops.sqrt(w)"),
        (Summed(), -0.25, "is sqrt: square root of a negative number",
         "after = 0.5 * before + ops.sqrt(row)"),
        (Norms(), 0.0, "is divide: 0/0 (operands in [0, 0], [0, 0])",
         "return w / ops.sqrt(ops.sum(ops.square(w)))"),
        (Rooted(), 1.0, None, None),
    ],
    ids=["root", "loop", "norm", "healthy"],
)  # fmt: skip
@pytest.mark.usefixtures("_untreated")
def test_the_first_operation_is_named(constraint, start, says, line):
    """With the range of what it was given, and the user's line; of a loop, that inside of it."""
    own, _ = found_in(model_of(constraint, equal(start)), steps=1)
    if says is None:
        assert own is None
        return
    assert own is not None
    assert "from a finite start" in own.message
    assert says in own.message
    assert own.source is not None
    assert own.source.text == line


@registered
class Late(keras.constraints.Constraint):
    """Finite where a weight starts, and not where a step takes it."""

    def __call__(self, w):
        return w + 0.0 * ops.log(w - 0.2499)


@pytest.mark.usefixtures("_untreated")
def test_at_the_weight_of_the_step_that_breaks():
    """What it is located on is the weight of that step."""
    own, others = found_in(model_of(Late(), equal(0.25)))
    assert own is not None
    assert "from a finite weight of the first step; the operation is log:" in own.message
    assert own.source is not None
    assert own.source.text == "return w + 0.0 * ops.log(w - 0.2499)"
    assert all(f.cause for f in others if f.code == "CW401")


@pytest.mark.usefixtures("_untreated")
def test_what_can_not_be_located_is_said(monkeypatch):
    """Not every operation of a backend can be run by itself."""

    def raises(*_):
        raise NotImplementedError

    monkeypatch.setattr("constrainit.doctor._breaking.locate_constraint", raises)
    monkeypatch.setattr("constrainit.doctor._training.locate_constraint", raises)
    own, _ = found_in(model_of(Norms(), "zeros"), steps=1)
    assert own is not None
    assert "which of its operations does so first could not be located" in own.message
    assert own.source is None


@pytest.mark.usefixtures("_untreated")
def test_nothing_is_located_where_nothing_breaks(monkeypatch):
    """A healthy model does not pay for it."""

    def located(*_):
        raise AssertionError

    monkeypatch.setattr("constrainit.doctor._breaking.locate_constraint", located)
    own, _ = found_in(model_of(Norms(), "glorot_uniform"))
    assert own is None


@registered
class Capped(keras.constraints.Constraint):
    """The norm of each unit, two at most: of a unit of zeros it is 0/0."""

    def __call__(self, w):
        norm = ops.sqrt(ops.sum(ops.square(w), axis=0, keepdims=True))
        return w * ops.minimum(norm, 2.0) / norm


@registered
class Units(keras.constraints.Constraint):
    """A norm of one, which no unit of zeros has whatever it is divided by."""

    def __call__(self, w):
        return w / ops.norm(w, axis=0, keepdims=True)


@registered
class Between(keras.constraints.Constraint):
    """One at most, in logarithms, which no weight below zero has."""

    def __call__(self, w):
        return ops.exp(ops.minimum(ops.log(w), 0.0))


@registered
class AtLeast(keras.constraints.Constraint):
    """A norm of two at least, whose squares float16 does not hold."""

    def __call__(self, w):
        norm = ops.sqrt(ops.sum(ops.square(w), axis=0, keepdims=True))
        return w * ops.maximum(norm, 2.0) / norm


@keras.saving.register_keras_serializable("test_doctor_breaking")
def one_empty(shape, dtype=None):
    """Units of random weights, the first of zeros."""
    drawn = np.random.default_rng(1).normal(size=shape)
    return ops.convert_to_tensor(drawn * (np.arange(shape[-1]) > 0), dtype=dtype)


@pytest.mark.parametrize(
    ("constraint", "start", "edited"),
    [
        (Capped(), one_empty, "/ keras.ops.where(norm == 0, 1.0, norm)"),
        (Between(), "glorot_uniform", "ops.log(ops.maximum(w, 1e-6))"),
    ],
    ids=["divisor", "logarithm"],
)
def test_a_guard_in_the_users_own_file(constraint, start, edited):
    """The smallest change, where what it leaves is what the constraint means."""
    own, _ = found_in(model_of(constraint, start))
    assert own is not None
    assert own.treatment is not None
    assert "guard" in own.fix
    assert own.treatment.healed
    assert edited in own.treatment.diff


def test_a_guard_that_leaves_the_set():
    """Zeros by a small number have no norm of one: the exact set is what heals."""
    own, _ = found_in(model_of(Units(), one_empty))
    assert own is not None
    assert own.treatment is not None
    assert own.treatment.healed
    assert own.treatment.diff == ""
    assert "ci.UnitNorm(" in own.treatment.code


def test_squares_that_half_precision_does_not_hold():
    """The constraint computes in float32, and gives back what it was given."""
    start = keras.initializers.RandomNormal(stddev=200.0, seed=0)
    own, _ = found_in(model_of(AtLeast(), start, dtype="float16"))
    assert own is not None
    assert own.treatment is not None
    assert "overflow of float16" in own.message
    assert "compute it in float32" in own.fix
    assert 'w = keras.ops.cast(w, "float32")' in own.treatment.diff
    assert "/ norm, given_dtype)" in own.treatment.diff


@pytest.mark.parametrize(
    ("line", "edited"),
    [
        ("return w / ops.norm(w)", "return w / keras.ops.maximum(ops.norm(w), 1e-6)"),
        ("return w / (ops.abs(w) + 0.0)", "return w / (keras.ops.maximum(ops.abs(w) + 0.0, 1e-6))"),
        ("return w / ops.sum(w)", "return w / keras.ops.where(ops.sum(w) == 0, 1.0, ops.sum(w))"),
        ("return w / norm", "return w / keras.ops.where(norm == 0, 1.0, norm)"),
        ("return w / 2.0", None),
    ],
)
def test_a_floor_only_under_what_is_never_negative(line, edited):
    """Of another divisor a floor would turn signs."""
    done = without_zeros(line, floor="1e-6")(f"def own(w):\n    {line}\n")
    assert (done and done[1]) == (edited and f"def own(w):\n    {edited}\n")
