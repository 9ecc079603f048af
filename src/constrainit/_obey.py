"""Making the weights of a model obey: project, prepare."""

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from constrainit import _checks
from constrainit._axes import RECURRENT
from constrainit._calibrate import Calibrated, can_be_fitted, fitted_to
from constrainit._effective import EffectiveRecord, effective_records
from constrainit._lost import STAYS, lost_records
from constrainit._measure import measure
from constrainit._present import BEFORE, INSTEAD, check_values, refuse_traced
from constrainit._set import ConstraintSet
from constrainit._shown import Lines, Shown
from constrainit._signatures import explaining
from constrainit._words import counted
from constrainit.initializers import Feasible
from constrainit.layers import OutputScale
from constrainit.model import STARTS, GroupRecord, check_built, constrained_records
from constrainit.sets import Custom
from constrainit.sets.custom import own_name

Row = tuple[Any, ConstraintSet, float, Any]


def measured(model: keras.Model, paths: Container[str] | None = None) -> list[Row]:
    """Each constrained weight, or those of `paths`: its set, how far outside it is, its image."""
    records = [
        record
        for record in effective_records(model)
        if not getattr(record, "hidden", "") and (paths is None or record.path in paths)
    ]
    sets = [record.resolved(record.constraint) for record in records]
    try:
        pairs = measure(sets, [record.value for record in records])
    # A user's constraint may raise anything; one by one, to name the weight.
    except Exception:
        for record, a_set in zip(records, sets, strict=True):
            _measured_alone(record, a_set)
        raise
    return [(r, s, *pair) for r, s, pair in zip(records, sets, pairs, strict=True)]


def _measured_alone(record, a_set):
    try:
        measure([a_set], [record.value])
    except Exception as raised:
        # Here, as little else of this library needs the doctor.
        from constrainit.doctor._frames import fault

        found = fault(raised)
        at = f" (at {found.sources[-1]})" if found.sources else ""
        # Where it is in no code of the user's, the frames of this library are of use.
        raise ValueError(
            f"The constraint {own_name(record.constraint)} of {record.path!r} can not be applied: "
            f"{found}{at}. `constrainit doctor`, or diagnose(model, x, y), says what helps."
        ) from (None if found.sources else raised)


@explaining
def project(model: keras.Model) -> dict[str, float]:
    """Moves every constrained weight to the nearest allowed one.

    For use after loading, averaging, or steps of a foreign optimizer. Weights that are inside stay
    as they are, bit for bit.

    Args:
        model: A built Keras model or layer.

    Returns:
        For each weight that moved, by path: how far outside it was; empty where none had to. It is
        printed as sentences, which also say so of a model without any constraint, and name weights
        that are not finite, those without a constraint too: NaN has no nearest allowed weight, and
        stays.

    Raises:
        ValueError: A constraint can not be applied to its weight, or no weight is in all of its
            sets; no weight is changed.
        RuntimeError: JAX traces a function, in which nothing can be assigned.
    """
    check_built(model, "project")
    refuse_traced("project", INSTEAD)
    check_values("project", model)
    moved = move(measured(model))
    moved.lost |= {record.path: "" for record in lost_records(model)}
    return moved


class Moved(Shown, dict[str, float]):
    """How far outside each weight was that `project` moved, by path; printed as sentences.

    Attributes:
        looked_at: How many constrained weights there are.
        lost: The paths of weights that are not finite and stay so, each with what helps; empty for
            one without a constraint.
    """

    def __init__(self, moved: Mapping[str, float], looked_at: int, lost: Mapping[str, str]):
        super().__init__(moved)
        self.looked_at, self.lost = looked_at, dict(lost)

    def __str__(self) -> str:
        moved = [f"{path}: was outside by {by:.3g}, now inside" for path, by in self.items()]
        if not self.looked_at:
            moved = ["nothing moved: there is no constrained weight to look at"]
        elif not self and not any(self.lost.values()):
            weights = counted(self.looked_at, "constrained weight")
            moved = [f"nothing moved: inside already, {weights}"]
        lost = (
            f"{path}: not finite, and stays so: {what}" if what else f"{path}: {STAYS}"
            for path, what in self.lost.items()
        )  # fmt: skip
        return "\n".join([*moved, *lost])


def move(rows: list[Row]) -> Moved:
    """Moves measured weights that are outside to the nearest allowed ones, as `project` tells."""
    moves, lost = [], {}
    for record, a_set, distance, image in rows:
        if distance == 0:
            continue
        if not math.isfinite(distance) and not _is_finite(image):
            lost[record.path] = _SAVED if _has_no_draw(record, a_set, image) else _ANEW
        elif lacking := a_set._lacking(image):
            raise ValueError(f"No weight was found for {record.path!r} that is {lacking}.")
        # Also of one that is lost: those of its units that are finite have a nearest allowed one.
        moves.append((record, image, distance))
    for record, value, _ in moves:
        record.assign(value)
    told = {r.path: distance for r, _, distance in moves if r.path not in lost}
    return Moved(told, len(rows), lost)


def _is_finite(value):
    return bool(ops.all(ops.isfinite(value)))


def _drawn(draw, a_set, record):
    recurrent = record.variable.name == RECURRENT
    return draw.over(a_set, record.axes, recurrent, record.path)(record.shape, record.dtype)


def _beside_what_stays(drawn, a_set, record, image):
    """The drawn weight, but for its units that are inside where those are nine in ten.

    Such a weight is no draw gone wrong: it was given, such as an embedding whose rows have norm one
    but for that of the padding.
    """
    value = record.value
    moved = ops.not_equal(image, value)
    units = a_set._units(len(record.shape))
    moved = ops.any(moved, axis=units, keepdims=True) if units else moved
    anew, total = int(ops.sum(ops.cast(moved, "int32"))), math.prod(moved.shape)
    mixed = ops.where(moved, drawn, value)
    if 10 * anew > total or float(a_set.violation(mixed)) != 0:
        return drawn, "drawn"
    return mixed, f"drawn in {anew} of its {total} units"


_LEFT = "left as it is: its constraint makes NaN or infinity of it"
_LOST = "left as it is: there is no law to draw it from"
_ANEW = "`ci.prepare(model)` draws it anew"
_SAVED = "load weights that were saved while it was finite (model.load_weights)"


@dataclass(frozen=True)
class Redrawn:
    """A weight that `prepare` changed.

    Attributes:
        weight: The path of the variable.
        set: Its set in one line.
        violation: How far outside it was, in the units of the weight.
        how: `"drawn"` from the set's own law, `"drawn in 1 of its 500 units"`, or `"projected"`: a
            weight that is not trained, or by a constraint of the user's own or of several weights
            together; or that it was left, as that makes NaN of it or is given it.
    """

    weight: str
    set: str
    violation: float
    how: str

    def __str__(self) -> str:
        known = math.isfinite(self.violation)
        was = f"outside by {self.violation:.3g}" if known else "not finite"
        return f"{self.weight}: was {was} ({self.set}), now {self.how}"


def _has_no_draw(record, a_set, image):
    """Whether a weight is projected: it has no law, or was given and something is left of it."""
    if isinstance(record, (GroupRecord, EffectiveRecord)) or isinstance(a_set, Custom):
        return True
    return not record.variable.trainable and bool(ops.any(image))


def _anew(model, rows, seed, fitted):
    """Each measured weight that is outside, with its new start and what is told of it."""
    changes = []
    depth = max(sum(map(can_be_fitted, constrained_records(model))), 1)
    for index, (record, a_set, distance, image) in enumerate(rows):
        if distance == 0:
            continue
        if _has_no_draw(record, a_set, image):
            value = image if _is_finite(image) else record.value
            left = _LEFT if _is_finite(value) else _LOST
            how = "projected" if value is image else left
        else:
            own = None if seed is None else seed + index
            draw = Feasible(a_set, own, STARTS.get(record.variable.name))
            if fitted and can_be_fitted(record):
                phi = record.layer.activation
                phi = phi.activation if isinstance(phi, OutputScale) else phi
                draw = Feasible(a_set, own, activation=phi, depth=depth)
            value, how = _beside_what_stays(_drawn(draw, a_set, record), a_set, record, image)
        changes.append((record, value, Redrawn(record.path, a_set.describe(), distance, how)))
    return changes


def redraw(model: keras.Model, paths: Container[str], seed: int) -> list[str]:
    """Gives the weights of `paths` that start outside a new start, as `prepare` does for all.

    Returns:
        The paths of the weights that got one.
    """
    changes = _anew(model, measured(model, paths), seed, fitted=False)
    for record, value, _ in changes:
        record.assign(value)
    return [record.path for record, _, _ in changes]


@explaining
def prepare(
    model: keras.Model, x: Any = None, seed: int | None = None
) -> list[Redrawn | Calibrated]:
    """Gives every weight that starts outside its set a new start, from the set's own law.

    For a model that has not been trained: what is outside loses its values. What is inside stays
    bit for bit: whole weights, and single units where at least nine in ten of a weight are inside,
    such as the rows of an embedding that was given. A weight that is not trained was given, too,
    and is projected, if that leaves anything of it; so is one with a constraint of the user's own,
    which has no law to draw from.

    With a batch, new kernels are drawn for the activation of their layer and for the number of
    layers with a constrained kernel, and `calibrate` then fits what is free to the batch.

    Args:
        model: A built Keras model or layer.
        x: One batch of inputs, as the model takes them, or None.
        seed: None, or an integer for reproducible draws.

    Returns:
        What was changed, in the order of the weights, then what `calibrate` did; printed, a line
        for each, and for each weight without a constraint that is not finite, as it stays so.

    Raises:
        ValueError: A constraint can not be applied to its weight, or the batch is of no use; no
            weight is changed.
        RuntimeError: JAX traces a function, in which nothing can be assigned.
    """
    seed = _checks.seed("prepare", seed)
    if not (seed is None or isinstance(seed, int)):
        raise _checks.fail("prepare", "seed", "be None or an integer", seed)
    check_built(model, "prepare")
    refuse_traced("prepare", BEFORE)
    check_values("prepare", model)
    changes = _anew(model, measured(model), seed, fitted=x is not None)
    kept = [ops.copy(record.value) for record, _, _ in changes]
    for record, value, _ in changes:
        record.assign(value)
    redrawn = [row for _, _, row in changes]
    told = [f"{record.path}: {STAYS}" for record in lost_records(model)]
    if x is None:
        return Lines(redrawn, told)
    try:
        return Lines([*redrawn, *fitted_to(model, x, "prepare")], told)
    # A batch that is of no use, or a model that raises: the weights must be what they were.
    except BaseException:
        for (record, _, _), value in zip(changes, kept, strict=True):
            record.assign(value)
        raise
