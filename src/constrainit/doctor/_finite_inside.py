"""Starts outside of their sets where the first pass is not finite: is it finite inside of them?"""

import math
from collections.abc import Iterable
from typing import Any

from keras import ops

from constrainit.doctor._evidence import ConstraintEvidence, Evidence
from constrainit.doctor._halves import Values, put
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import borrowed
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.engines._result import WEIGHT_NUMBERS
from constrainit.doctor.rules.cw101_infeasible_start import is_outside

_MOST = 6
"""Of so many weights it is asked which of them have to be inside."""


def finite_inside(
    problem: Problem, constraints: Any, evidence: Evidence, start: Values
) -> set[str]:
    """The paths of weights that start outside, by which the first pass is not finite.

    With all of them as their constraints make them, loss and gradients are finite. Of several those
    are named without which they would not be; all, where none of them does it alone.

    Args:
        problem: The problem.
        constraints: Those of the model.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step; empty if not known.
    """
    fails = evidence.fault_step == 0 or {"loss", "gradients"} & set(evidence.faults)
    inside = _images(constraints, evidence, start) if fails else []
    with borrowed(problem.model), problem.keeping_optimizer():

        def is_finite(moved):
            return _is_finite(problem, start, moved)

        if not inside or is_finite([]) or not is_finite(inside):
            return set()
        alone = (
            [one for one in inside if not is_finite(_without(inside, one))]
            if (1 < len(inside) <= _MOST)
            else []
        )
    return {made.record.path for made, _ in alone or inside}


def lost_inside(problem: Problem, constraints: Any, evidence: Evidence, start: Values) -> set[str]:
    """The paths of weights that start outside, with which the first pass is finite only as they do.

    With one of them as its constraint makes it, it is not; all are named where it takes several.

    Args:
        problem: The problem.
        constraints: Those of the model.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step; empty if not known.
    """
    fails = evidence.fault_step and not evidence.faults
    inside = _images(constraints, evidence, start) if fails else []
    with borrowed(problem.model), problem.keeping_optimizer():
        if not inside or not _is_finite(problem, start, []):
            return set()
        alone = [one for one in inside[:_MOST] if not _is_finite(problem, start, [one])]
        together = alone or _is_finite(problem, start, inside)
    return {made.record.path for made, _ in alone or ([] if together else inside)}


def _images(constraints, evidence, start):
    """What starts outside of its set, with what its constraint makes of it."""
    kept = {id(variable): value for variable, value in start}
    outside = [made for made in evidence.constraints if is_outside(made)] if kept else []
    images = [(made, _image(constraints, made, kept)) for made in outside]
    return [(made, image) for made, image in images if image is not None]


def _image(constraints: Any, made: ConstraintEvidence, kept: dict[int, Any]) -> Any:
    value = kept.get(id(made.record.variable))
    return None if value is None else constraints.image(made.record, to_numpy(value))


def _without(pairs: Iterable[tuple[Any, Any]], one: tuple[Any, Any]) -> list[tuple[Any, Any]]:
    return [pair for pair in pairs if pair is not one]


def _is_finite(problem, start, moved):
    """Whether loss and all gradients of a step are finite, from the start but for some weights."""
    put(start)
    for made, image in moved:
        made.record.assign(ops.cast(image, made.record.dtype))
    try:
        stepped = problem.step()
        lost = [float(numbers[WEIGHT_NUMBERS.index("nonfinite")]) for numbers in stepped.weights]
        return math.isfinite(float(stepped.loss)) and not any(lost)
    # Where one backend raises, another one gives NaN.
    except Exception:
        return False
