"""Weights that a constraint bounds and that the layer's own code then takes through a map."""

import ast
import math
from typing import Any

import numpy as np

from constrainit._set import ConstraintSet
from constrainit.doctor._code import function_of
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
    code = function_of(type(layer).call)
    if code is None or not code.args.args:
        return None
    owner, nodes = code.args.args[0].arg, list(ast.walk(code))
    calls = [node for node in nodes if isinstance(node, ast.Call) and not node.keywords]
    given = {id(call.args[0]): _called(call) for call in calls if len(call.args) == 1}
    for name in [name for name, value in vars(layer).items() if value is record.variable]:
        maps = {given.get(id(node)) for node in nodes if _is_read(node, owner, name)}
        if len(maps) == 1:
            return maps.pop()
    return None


def _is_read(node, owner, name):
    return isinstance(node, ast.Attribute) and ast.unparse(node) == f"{owner}.{name}"


def _called(call):
    """The map that is called, by its own name; None for any other function."""
    name = ast.unparse(call.func).rpartition(".")[2]
    return name if name in _MAPS else None
