"""Constraints along an axis that was given, where nothing tells which: does another one train?"""

import itertools
from typing import Any

from constrainit.doctor._axes import along, given_axes
from constrainit.doctor._beyond import hardly_falls
from constrainit.doctor._constant_axes import movable_constants, with_constant_along
from constrainit.doctor._courses import course_with
from constrainit.doctor._evidence import AxisEvidence, ConstraintEvidence, Evidence
from constrainit.doctor._halves import Halves, can_be_halved, tried, values_of
from constrainit.doctor._ordered_axes import in_order_along, order_axis, start_axis
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import borrowed
from constrainit.doctor._whole_calls import whole_call
from constrainit.doctor.rules.cw101_infeasible_start import harmless
from constrainit.doctor.treatments._rewriting import kind_of
from constrainit.doctor.treatments.starts import start_inside
from constrainit.model import WeightRecord, wrong_axes

_FARTHER = 5
"""How many times as many steps tell whether a model catches up that begins slowly."""

_MOST_STEPS = 100
_MOST_OTHERS = 3
_FAR_LOWER = 0.25
_TRAINS = 0.5
"""What is left of the loss of a model that trains."""

_STAYS = 0.7
"""What is left of that of one that does not."""

_LATER, _STALLED, _LOWER = 3, 0.9, 0.4
"""How many times as many steps again a loss is followed that stalls, what is left of it then at
least, and at most along the axis with which it falls."""


def other_axes(problem: Problem, evidence: Evidence) -> list[AxisEvidence]:
    """The weights whose model trains along another axis of their constraint, and not along theirs.

    Both start inside. Asked only where a constraint moves the start much, or the loss hardly
    falls, or where a weight starts in order along another axis than its constraint puts it. So are
    constants of one number for each entry of an axis, where another axis is as long. The model is
    borrowed.
    """
    own = evidence.own is not None and not evidence.own.as_usual
    if own or evidence.faults or evidence.fault_step is not None or not problem.is_small:
        return []
    by_start = _of_starts(problem, evidence)
    if by_start:
        return by_start
    asked = [made for made in evidence.constraints if _is_asked(made)]
    stays = len(evidence.losses) > 2 and hardly_falls(evidence.losses)
    by_constants = _of_constants(problem, evidence, stays)
    if by_constants:
        return by_constants
    by_calls = _of_whole_calls(problem, evidence, stays)
    if by_calls:
        return by_calls
    if not stays and all(harmless(made) for made in asked):
        return []
    groups: dict[Any, list[WeightRecord]] = {}
    for record in (made.record for made in asked):
        groups.setdefault((type(record.constraint), given_axes(record)), []).append(record)
    found = []
    for (_, given), records in groups.items():
        # A class may be right for one of its weights, and wrong for another.
        parts = [records, *([record] for record in records if len(records) > 1)]
        found += next(filter(None, (_better(problem, evidence, p, given) for p in parts)), [])
    return found


def _of_starts(problem, evidence):
    """Weights that start in order along another axis than that of their constraint, and gain by it.

    The model may train as it is, at a far higher loss.
    """
    found, tried = [], {}
    for made in [one for one in evidence.constraints if _may_be_edited(one)]:
        record, given = made.record, order_axis(made.record)
        other = None if given is None else start_axis(record, given)
        if given is None or other is None:
            continue
        if given_axes(record) is None:
            constraint = in_order_along(record, given, other)
        else:
            constraint = along(record.constraint, (other,))
        if constraint is not None:
            tried.setdefault((kind_of(record.constraint), given, other), []).append(
                (record, constraint)
            )
    for (_, given, other), pairs in tried.items():
        steps = _MOST_STEPS // 2
        own = course_with(problem, evidence, [(r, r.constraint) for r, _ in pairs], steps)
        along_it = course_with(problem, evidence, pairs, steps)
        if _is_far_lower(own, along_it):
            ends = _ends(own), _ends(along_it)
            found += [
                AxisEvidence(r, (given,), (other,), *ends, steps, in_order=True) for r, _ in pairs
            ]
    return found


def _of_constants(problem, evidence, stays):
    """Weights that train far better with a vector of their constraint along another axis.

    Asked where the loss hardly falls, or what starts outside is moved much: both axes are of the
    length of the vector, so that nothing else tells.
    """
    found, tried = [], {}
    for made in [one for one in evidence.constraints if one.custom and _may_be_edited(one)]:
        record = made.record
        for constant, others in movable_constants(record) if stays or not harmless(made) else ():
            for axis in others[:_MOST_OTHERS]:
                constraint = with_constant_along(record, constant, axis)
                if constraint is not None:
                    key = kind_of(record.constraint), constant, len(record.shape)
                    by_axis = tried.setdefault(key, {})
                    by_axis.setdefault(axis, []).append((record, constraint))
    for (_, constant, rank), by_axis in tried.items():
        pairs = next(iter(by_axis.values()))
        own = [(r, r.constraint) for r, _ in pairs]
        own = course_with(problem, evidence, own, _MOST_STEPS)
        seen = {a: course_with(problem, evidence, p, _MOST_STEPS) for a, p in by_axis.items()}
        better = [
            (c.losses[-1], axis, c) for axis, c in seen.items() if c and _is_far_lower(own, c)
        ]
        for _, axis, course in sorted(better)[:1]:
            ends = _ends(own), _ends(course)
            found += [
                AxisEvidence(r, (rank - 1,), (axis,), *ends, _MOST_STEPS, constant=constant)
                for r, _ in by_axis[axis]
            ]
    return found


def _of_whole_calls(problem, evidence, stays):
    """Weights that train far better where what their constraint does to all axes is along one.

    Asked where the loss hardly falls, or what starts outside is moved much.
    """
    found, asked = [], {}
    for made in [one for one in evidence.constraints if one.custom and _may_be_edited(one)]:
        whole = whole_call(made.record) if stays or not harmless(made) else None
        if whole is not None:
            key = kind_of(made.record.constraint), whole[0]
            asked.setdefault(key, []).append((made.record, whole[1]))
    for (_, name), pairs in asked.items():
        own = course_with(problem, evidence, [(r, r.constraint) for r, _ in pairs], _MOST_STEPS)
        first = course_with(problem, evidence, pairs, _MOST_STEPS)
        if _is_far_lower(own, first) and _is_so_for_others(problem, evidence, pairs):
            ends = _ends(own), _ends(first)
            found += [
                AxisEvidence(r, tuple(range(len(r.shape))), (0,), *ends, _MOST_STEPS, whole=name)
                for r, _ in pairs
            ]
    return found


def _is_so_for_others(problem, evidence, pairs):
    """Whether examples that are not trained on are told better with these constraints, too."""
    if not can_be_halved(problem):
        return True
    losses = []
    with tried(problem, "calls along one axis are"):
        for given in ([(r, r.constraint) for r, _ in pairs], pairs):
            with borrowed(problem.model), problem.keeping_optimizer():
                for record, constraint in given:
                    record.variable.constraint = constraint
                start_inside(problem, evidence, {record.path for record, _ in given})
                losses.append(Halves(problem, values_of(problem.model)).train(_MOST_STEPS))
    return len(losses) == 2 and losses[1] < _TRAINS * losses[0]


def _is_far_lower(own, other):
    """Whether another axis trains a model, to a loss far below that along its own."""
    if own is None or other is None or other.is_blind:
        return False
    return other.losses[-1] < min(_FAR_LOWER * own.losses[-1], _TRAINS * other.losses[0])


def _ends(course):
    return course.losses[0], course.losses[-1]


def _may_be_edited(made):
    """Whether it is the user's own, and nothing tells which axis of a trained weight is right."""
    sound = made.fault is None and made.image is not None and made.record.variable.trainable
    return sound and (made.custom or given_axes(made.record) is not None) and not made.counted


def _is_asked(made: ConstraintEvidence) -> bool:
    """Whether an axis was given, and nothing that is known of the layer tells if it is right."""
    record = made.record
    sound = made.fault is None and made.image is not None and record.variable.trainable
    if not sound or given_axes(record) is None:
        return False
    return (made.custom or record.axes is None) and made.axes is None and wrong_axes(record) is None


def _better(problem, evidence, records, given):
    """What is seen along the axes at which the loss falls lowest, where it is far lower."""
    steps = min(problem.steps, _MOST_STEPS // _FARTHER)
    own = _training(problem, evidence, records, given, steps)
    if own is None:
        return []
    others, starts = _others(records, given), {m.record.path: m for m in evidence.constraints}
    moved = not all(harmless(starts[record.path]) for record in records)
    if not hardly_falls(own.losses):
        return _late(problem, evidence, records, given, others, steps) if moved else []
    trained = [(axes, _training(problem, evidence, records, axes, steps)) for axes in others]
    seen = [
        (one.losses[-1], axes, one)
        for axes, one in trained
        if one is not None and one.losses[-1] < _TRAINS * own.losses[-1]
    ]
    for _, axes, one in sorted(seen, key=lambda found: found[0])[:1]:
        farther = _FARTHER * steps
        later = [_training(problem, evidence, records, a, farther) for a in (given, axes)]
        if _is_at_fault(*later):
            ends = _ends(own), _ends(one)
            return [AxisEvidence(r, given, axes, *ends, steps) for r in records]
    fall = [axes for axes, one in trained if one is not None and one.losses[-1] < one.losses[0]]
    return _late(problem, evidence, records, given, fall, steps) if moved else []


def _late(problem, evidence, records, given, others, steps):
    """As `_better`, where the loss stalls, and falls along another axis for long."""
    many = _FARTHER * steps
    own = _training(problem, evidence, records, given, many) if others else None
    if own is None or own.losses[-1] < _STAYS * own.losses[steps]:
        return []
    left, steps = others, _LATER * many
    last = _training(problem, evidence, records, given, steps)
    if last is None or last.losses[-1] < _STALLED * own.losses[-1]:
        return []
    # Two of them may fall at first, and only one of these farther.
    for count in (steps, 2 * steps):
        seen = [(axes, _training(problem, evidence, records, axes, count)) for axes in left]
        lower = sorted(
            (one.losses[-1], axes, one)
            for axes, one in seen
            if one is not None and not one.is_blind and one.losses[-1] < _LOWER * last.losses[-1]
        )
        left = [axes for _, axes, _ in lower]
        if len(lower) < 2 or lower[0][0] < _TRAINS * lower[1][0]:
            break
    for _, axes, one in lower[:1]:
        ends = (last.losses[0], last.losses[-1]), (one.losses[0], one.losses[steps])
        return [AxisEvidence(r, given, axes, *ends, steps) for r in records]
    return []


def _is_at_fault(own, other):
    """Whether one training leads nowhere, and the other one's loss falls far below its own."""
    if own is None or other is None:
        return False
    begun = other.losses[0]
    leads = min(own.losses) <= _STAYS * min(own.losses[0], begun) and not own.is_blind
    falls = other.losses[-1] < min(_FAR_LOWER * own.losses[-1], _TRAINS * begun)
    return not leads and falls and not other.is_blind


def _others(records, given):
    """As many axes, but others, along which there is more than one entry."""
    wide = [
        axis
        for axis in range(len(records[0].shape))
        if all(len(r.shape) > axis and r.shape[axis] > 1 for r in records)
    ]
    found = [axes for axes in itertools.combinations(wide, len(given)) if axes != given]
    return found[:_MOST_OTHERS]


def _training(problem, evidence, records, axes, steps):
    """A training along axes; None if it can not be, or breaks."""
    # Along other axes a constraint of the user's own may raise anything.
    try:
        given = [(record, along(record.constraint, axes)) for record in records]
    except Exception:
        return None
    return course_with(problem, evidence, given, steps)
