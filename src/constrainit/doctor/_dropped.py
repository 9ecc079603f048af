"""Constraints that a layer's code gives to `keras.Variable`, which takes none and says nothing."""

import ast
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from constrainit.doctor._code import code_of
from constrainit.doctor._recording import is_custom
from constrainit.model import WeightRecord


def dropped(weights: Sequence[WeightRecord]) -> list[tuple[WeightRecord, str]]:
    """The weights without a constraint whose layer's code wrote one, and what it wrote."""
    layers = {id(r.layer): r.layer for r in weights if is_custom(r.layer)}
    written = {
        id(getattr(layer, name, None)): text
        for layer in layers.values()
        for name, text in _given_to_variables(type(layer))
    }
    own = [r for r in weights if r.constraint is None and id(r.variable) in written]
    return [(record, written[id(record.variable)]) for record in own]


def evaluated(record: WeightRecord, text: str) -> Any:
    """The constraint that an expression in the code of a weight's layer makes; None if it fails."""
    scope = vars(sys.modules[type(record.layer).__module__])
    # The user's own code may raise anything, or name what is gone.
    try:
        return eval(text, dict(scope), {"self": record.layer})
    except Exception:
        return None


def _given_to_variables(kind: type) -> Iterator[tuple[str, str]]:
    """The attributes that are made as `Variable(..., constraint=...)`, and that constraint."""
    code = code_of(kind)
    for node in code.nodes if code else ():
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        called = node.value.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        given = [word.value for word in node.value.keywords if word.arg == "constraint"]
        targets = [t.attr for t in node.targets if isinstance(t, ast.Attribute)]
        if name == "Variable" and given and targets:
            yield targets[0], ast.unparse(given[0])
