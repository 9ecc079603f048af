"""Whether the weights of a model obey."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import keras
from keras import ops

from constrainit import _checks
from constrainit._effective import effective_records
from constrainit._lost import STAYS, lost_records
from constrainit._measure import measure
from constrainit._present import check_values
from constrainit._reparametrized import seen_records
from constrainit._set import ConstraintSet
from constrainit._shown import Shown
from constrainit._signatures import explaining
from constrainit.model import check_built, matching, walk, wrong_axes
from constrainit.sets.custom import own_name

PACED = (
    "outside, as its constraint takes its time (Every, Relaxed): project(model) takes it inside, "
    "KeepFeasible() does where fit ends"
)

NOTHING = "no weight of the model has a constraint: nothing was checked"


@dataclass(frozen=True)
class CheckRow:
    """What `check` found out about one constrained weight, or one that is not finite.

    Attributes:
        weight: The path of the variable.
        set: The set in one line, empty if the weight has no constraint.
        shape: The shape of the weight.
        dtype: Its storage dtype.
        violation: Its distance from the set, in the units of the weight; None if it has none.
        finite: Whether every entry is finite.
        axis: How the axes that a constraint works along differ from those that feed one unit; empty
            if they do not, or if it is a set of this library, which was told its axes.
        error: What the constraint raised on a copy of the weight, or that there is none where one
            must be, or an empty string.
        paced: Whether its constraint takes its time, as `Every` and `Relaxed` do: it may be
            outside after any step.
    """

    weight: str
    set: str
    shape: tuple[int, ...]
    dtype: str
    violation: float | None
    finite: bool
    axis: str
    error: str
    paced: bool = False

    @property
    def ok(self) -> bool:
        """Whether the weight is finite and inside, along the right axes."""
        return self.finite and not self.error and not self.axis and self.violation == 0

    @property
    def verdict(self) -> str:
        """`"ok"`, or what is wrong, in words."""
        lost = "not finite" if self.set or self.error else STAYS
        faults = [self.error, self.axis, "" if self.finite else lost]
        told = "; ".join(fault for fault in faults if fault)
        return told or ("ok" if self.ok else PACED if self.paced else "outside")


@dataclass(frozen=True)
class Check(Shown):
    """The table that `check` returns: iterate over `rows`, print it, or take `to_dict()`."""

    rows: tuple[CheckRow, ...]

    @property
    def ok(self) -> bool:
        """Whether there is a row, and every one is."""
        return bool(self.rows) and all(row.ok for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """The table as plain Python that JSON can hold."""
        rows = [{**asdict(row), "shape": list(row.shape), "ok": row.ok} for row in self.rows]
        return {"ok": self.ok, "rows": rows}

    def __str__(self) -> str:
        from constrainit._text import plain

        return plain(self)

    def __rich__(self) -> Any:
        from constrainit._text import Grid

        if not self.rows:
            return NOTHING
        lines = []
        for row in self.rows:
            unknown = "unknown" if row.set else ""
            outside = unknown if row.violation is None else f"{row.violation:.3g}"
            shape = "x".join(map(str, row.shape))
            lines.append((row.weight, shape, row.set, outside, row.verdict))
        header = ("weight", "shape", "set", "outside by", "verdict")
        return Grid(header, lines, unwrapped=("shape", "outside by"), paths=header[:1])


@explaining
def check(model: keras.Model, constrained: str | Iterable[str] = ()) -> Check:
    """Whether each constrained weight of a model obeys, found without changing anything.

    Weights that a `Reparametrized` computes are looked at, too, and of those without a constraint
    whether they are finite: such as are not have a row. (Of weights that are not trained an
    infinity may be meant: there NaN counts.) A violation is a distance in the units of the weight:
    Euclidean, of the unit that is farthest outside. A weight under `Every` or `Relaxed`
    may well be outside after `fit`: it is called outside, with the reason, and `project` takes it
    in.

    Args:
        model: A built Keras model or layer.
        constrained: Pattern, or patterns, of the weights that must obey a rule; those without one
            have a row that is not `ok`. What lost its constraint on the way is found by this only.

    Raises:
        ValueError: A pattern matches no weight.
        RuntimeError: On JAX a `fit` that raised has left the model without values.
    """
    check_built(model, "check")
    check_values("check", model)
    rows = [_check_row(record) for record in effective_records(model)]
    seen = [_seen_row(record.variable) for record in seen_records(model)]
    named = _without(model, constrained)
    known = {id(one.variable) for one in named}
    lost = [one for one in lost_records(model) if id(one.variable) not in known]
    return Check((*rows, *seen, *map(_free_row, named), *map(_lost_row, lost)))


def _without(model, patterns):
    """The weights that patterns name and that obey no rule."""
    seen = seen_records(model)
    obey = {id(one.variable) for one in [*effective_records(model), *seen]}
    parts = {id(part) for one in seen for part in (one.variable.free, one.variable.base)}
    weights = seen + [one for one in walk(model) if id(one.variable) not in parts]
    found = {}
    if not isinstance(patterns, (str, list, tuple, set, frozenset)):
        raise _checks.fail("check", "constrained", "be a pattern or a list of patterns", patterns)
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        matched = matching("check", weights, pattern, "constrained")
        found.update((id(one.variable), one) for one in matched)
    return [one for key, one in found.items() if one.constraint is None and key not in obey]


def _free_row(record):
    finite = bool(ops.all(ops.isfinite(record.value)))
    return CheckRow(record.path, "", record.shape, record.dtype, None, finite, "", "no constraint")


def _lost_row(record):
    return CheckRow(record.path, "", record.shape, record.dtype, None, False, "", "")


def _seen_row(variable):
    value = ops.convert_to_tensor(variable)
    outside = float(variable.set.violation(value))
    return CheckRow(
        variable.path,
        variable.rule(),
        tuple(variable.shape),
        keras.backend.standardize_dtype(value.dtype),
        outside if math.isfinite(outside) else None,
        bool(ops.all(ops.isfinite(value))),
        axis="",
        error="",
    )


def _check_row(record):
    if getattr(record, "hidden", ""):
        text, shape = own_name(record.constraint), tuple(record.variable.shape)
        dtype = keras.backend.standardize_dtype(record.variable.dtype)
        return CheckRow(record.path, text, shape, dtype, None, True, "", record.hidden)
    value = record.value
    text, violation, error, paced = own_name(record.constraint), None, "", False
    # A constraint of the user's own may raise anything; the table has to show what.
    try:
        a_set = record.resolved(record.constraint)
        text, paced = a_set.describe(), a_set.paced
        outside = measure([a_set], [value])[0][0]
        violation = outside if math.isfinite(outside) else None
    except Exception as fault:
        error = f"{type(fault).__name__}: {fault}"
    # A set finds the axes of a unit by itself: where it was given others, these are meant.
    given = isinstance(record.constraint, ConstraintSet)
    axes = None if error or given else wrong_axes(record)
    axis = f"works along {axes[0]}, a unit is fed along {axes[1]}" if axes else ""
    finite = bool(ops.all(ops.isfinite(value)))
    dtype = record.dtype
    return CheckRow(record.path, text, record.shape, dtype, violation, finite, axis, error, paced)
