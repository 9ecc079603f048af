"""Weights that a constraint bounds and that the layer's own code then takes through a map."""

import dis
import math
from typing import Any

import numpy as np

from constrainit._set import ConstraintSet
from constrainit.doctor._evidence import Evidence, TwiceEvidence
from constrainit.doctor._statistics import to_numpy
from constrainit.sets.elementwise import bounds_of

_MAPS = {
    "exp": math.exp,
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "softplus": lambda v: math.log1p(math.exp(v)),
}
"""Increasing maps of all numbers to positive ones: a bound below cuts off the small ones."""

_FALLEN = 0.05
_BETWEEN = ("PRECALL", "CACHE", "PUSH_NULL")


def bounded_twice(evidence: Evidence, known: Any) -> list[TwiceEvidence]:
    """The weights with a lower bound which the code of their layer gives to such a map.

    Args:
        evidence: What was measured; the weights are as the steps have left them.
        known: Gives the set of a record, or None.
    """
    found = []
    for made in evidence.constraints:
        low = _lower_bound(known(made.record))
        name = None if low is None else _map_of(made.record)
        if name is None or low is None:
            continue
        # Down to its bound or towards it: the weights are not below zero, or hardly.
        fell = np.linalg.norm(to_numpy(made.record.variable)) < (1 - _FALLEN) * made.start.norm
        found.append(TwiceEvidence(made.record, name, low, _MAPS[name](low), bool(fell)))
    return found


def _lower_bound(a_set: ConstraintSet | None) -> float | None:
    bounds = None if a_set is None else bounds_of(a_set)
    return None if bounds is None or bounds[0] is None or not 0 <= bounds[0] < 50 else bounds[0]


def _map_of(record: Any) -> str | None:
    """The map that a weight is given to by `call` of its layer, and nothing else; else None."""
    layer = record.layer
    code = getattr(type(layer).call, "__code__", None)
    if code is None or not code.co_varnames:
        return None
    steps = [step for step in dis.get_instructions(code) if step.opname not in _BETWEEN]
    for name in [name for name, value in vars(layer).items() if value is record.variable]:
        used = [at for at, step in enumerate(steps) if step.argval == name and _loads(step)]
        maps = {_called_with(steps, at, code.co_varnames[0]) for at in used}
        if len(maps) == 1:
            return maps.pop()
    return None


def _loads(step):
    return step.opname.startswith("LOAD_ATTR")


def _called_with(steps, at, owner):
    """The map whose one argument the attribute loaded at `at` is."""
    before, after = steps[max(at - 2, 0) : at], steps[at + 1 : at + 2]
    if len(before) < 2 or not after or before[1].argval != owner:
        return None
    is_call = after[0].opname.startswith("CALL") and after[0].arg == 1
    return before[0].argval if is_call and before[0].argval in _MAPS else None
