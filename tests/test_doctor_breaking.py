"""Constraints that make NaN or infinity of finite weights: the operation that does so first."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

pytestmark = pytest.mark.in_turns(every=8)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(32, 4)).astype("float32")
Y = X[:, :1].copy()

registered = keras.saving.register_keras_serializable("test_doctor_breaking")


def model_of(constraint, start, **arguments):
    dense = layers.Dense(
        3, kernel_constraint=constraint, kernel_initializer=start, name="own", **arguments
    )
    model = keras.Sequential([keras.Input((4,)), dense, layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
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
        (Rooted(), 0.25, None, None),
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
