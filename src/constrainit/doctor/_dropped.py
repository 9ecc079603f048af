"""Constraints that a layer's code gives to `keras.Variable`, which takes none and says nothing."""

import ast
import inspect
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from constrainit.doctor._code import code_of
from constrainit.doctor._recording import is_custom
from constrainit.model import WeightRecord
from constrainit.sets import as_set

_HARMLESS = (
    ast.Expression, ast.Name, ast.Attribute, ast.Constant, ast.Call, ast.keyword, ast.List,
    ast.Tuple, ast.Dict, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop, ast.expr_context,
    ast.Lambda, ast.arguments, ast.arg,
)  # fmt: skip
"""Of what the expression of a constraint may be made, to be evaluated once more."""


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
    scope = {**vars(sys.modules[type(record.layer).__module__]), "self": record.layer}
    # It may name what is gone; a constructor of the user's own may raise anything.
    try:
        tree = ast.parse(text, mode="eval")
        return eval(compile(tree, "<constraint>", "eval"), scope) if _makes(tree, scope) else None
    except Exception:
        return None


def _makes(tree, scope):
    """Whether an expression does nothing but name things and make constraints.

    Other code has run when the layer was built, and may do something else when it runs once more.
    """
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    later = {node for function in functions for node in ast.walk(function.body)}
    nodes = [node for node in ast.walk(tree) if node not in later]
    return all(isinstance(node, _HARMLESS) for node in nodes) and all(
        _is_kind(_named(node.func, scope)) for node in nodes if isinstance(node, ast.Call)
    )


def _is_kind(one):
    is_class = isinstance(one, type) and issubclass(one, keras.constraints.Constraint)
    return is_class or one is keras.constraints.get or one is as_set


def _named(node, scope):
    """What a dotted name stands for, looked up without running code of a class; else None."""
    if isinstance(node, ast.Name):
        return scope.get(node.id)
    if isinstance(node, ast.Attribute):
        return inspect.getattr_static(_named(node.value, scope), node.attr, None)
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
