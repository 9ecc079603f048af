"""Several faults of constraints: each is told its own change, and what one uncovers is followed."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")

registered = keras.saving.register_keras_serializable("test_doctor_in_turn")


def diagnosed(*constraints, **first):
    """A model with a layer for each of some constraints."""
    keras.utils.set_random_seed(0)
    given = [first, *({} for _ in constraints[1:])]
    hidden = [
        layers.Dense(8 - at, "relu", kernel_constraint=one, name=f"layer_{at}", **more)
        for at, (one, more) in enumerate(zip(constraints, given, strict=True))
    ]
    model = keras.Sequential([keras.Input((6,)), *hidden, layers.Dense(1)])
    model.compile("adam", "mse")
    return ci.diagnose(model, X, X[:, :1])


def of(report, code, layer):
    return next(f for f in report.findings if (f.code, f.layer) == (code, layer))


@registered
class OfRows(keras.constraints.Constraint):
    def __call__(self, w):
        return w / (1e-7 + ops.sqrt(ops.sum(ops.square(w), axis=1)))


@registered
class OfATable(keras.constraints.Constraint):
    """No edit is known of what it needs."""

    def __call__(self, w):
        return w * {"scale": 1.0}["size"]


@registered
class ByItem(keras.constraints.Constraint):
    def __call__(self, w):
        w[w < 0] = 0.0
        return w


def test_each_finding_shows_the_change_of_its_own_code():
    """What has no edit shows none, and not that of another class."""
    report = diagnosed(OfRows(), OfATable(), ByItem())
    mended, left, by_item = (of(report, "CW201", f"layer_{at}").treatment for at in range(3))
    assert [mended.healed, by_item.healed] == [True, True], str(report)
    changed = [
        [row for row in one.diff.splitlines() if row[:2] == "- "] for one in (mended, by_item)
    ]
    assert "axis=1" in changed[0][0]
    assert "w[w < 0]" in changed[1][0]
    assert [len(rows) for rows in changed] == [1, 1]
    assert left is None, str(report)
    assert diagnosed(OfATable()).findings[0].treatment is None


@registered
class WrongThrice(keras.constraints.Constraint):
    """No entries of a tensor can be assigned to, no axis is kept, and nothing is returned."""

    def __call__(self, w):
        w[w < 0] = 0.0
        w = w / (1e-7 + ops.sum(w, axis=1))


@registered
class Between(keras.constraints.Constraint):
    """Raises, and behind that takes the upper bound for the lower one."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def __call__(self, w):
        w[w > 10.0] = 10.0
        return ops.clip(w, self.high, self.low)

    def get_config(self):
        return {"low": self.low, "high": self.high}


@registered
class OfThreeAndATable(WrongThrice):
    """A fourth fault, of which no edit is known."""

    def __call__(self, w):
        w[w < 0] = 0.0
        w = w / (1e-7 + ops.sum(w, axis=1))
        w = w * {"scale": 1.0}["size"]


@pytest.mark.parametrize(
    ("constraint", "written"),
    [
        (
            WrongThrice(),
            ["keras.ops.where(w < 0, 0.0, w)", "ops.sum(w, axis=0, keepdims=True)", "return w"],
        ),
        (
            Between(-0.5, 0.5),
            ["keras.ops.where(w > 10.0, 10.0, w)", "ops.clip(w, self.low, self.high)"],
        ),
        (OfThreeAndATable(), None),
    ],
    ids=["three", "stuck behind", "four"],
)
def test_what_an_edit_uncovers_is_mended_in_turn(constraint, written):
    """The next error of the same constraint, or that it moves no more; up to three edits."""
    report = diagnosed(constraint)
    treatment = of(report, "CW201", "layer_0").treatment
    assert treatment.healed == (written is not None), str(report)
    for part in written or ():
        assert part in treatment.diff, str(report)


LOW, HIGH = -0.5, 0.5


@registered
class Limits(keras.constraints.Constraint):
    def __init__(self, low, high, scale=0.1):
        self.low, self.high, self.scale = low, high, scale

    def __call__(self, w):
        return ops.clip(w, self.low, self.high)

    def get_config(self):
        return {"low": self.low, "high": self.high, "scale": self.scale}


@pytest.mark.parametrize(
    ("make", "written"),
    [
        (lambda: Limits(0.25, -0.25), "Limits(-0.25, 0.25)"),
        (lambda: Limits(high=-0.125, low=0.125), "Limits(high=0.125, low=-0.125)"),
        (lambda: Limits(HIGH, LOW), "Limits(LOW, HIGH)"),
    ],
    ids=["numbers", "names", "constants"],
)
def test_bounds_that_were_given_the_wrong_way_round(make, written):
    """They are swapped where the constraint is made, and the class is left as it is."""
    report = diagnosed(make(), Limits(LOW, HIGH))
    first = of(report, "CW212", "layer_0")
    assert first.treatment.healed, str(report)
    added = [row for row in first.treatment.diff.splitlines() if row.startswith("+ ")]
    assert [written in row for row in added] == [True], str(report)
    assert "CW212" not in {f.code for f in report.findings if f.layer == "layer_1"}


def test_one_number_that_is_left_is_no_swap():
    """Bounds that are the same leave none, whichever comes first."""
    report = diagnosed(Limits(0.25, 0.25))
    first = of(report, "CW212", "layer_0")
    assert first.treatment is None or not first.treatment.healed, str(report)
