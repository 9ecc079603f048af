"""Whether a constraint of the user's own reduces its weight along an axis, read from its source."""

import ast
from typing import Any

from constrainit.doctor._code import function_of
from constrainit.doctor._misfits import functions_of

_NAMES = ("sum", "mean", "max", "min", "amax", "amin", "norm", "std", "var", "prod", "logsumexp")


def advice(constraint: Any) -> str:
    """What to look at in the reductions of a constraint; empty if it has none.

    Where the source can not be read, it is said for the case that there is one.
    """
    code = [function_of(function) for function in functions_of(constraint)]
    trees = [tree for tree in code if tree is not None]
    if not trees:
        return "where it reduces the weight, check keepdims=True and the axis"
    calls = [node for tree in trees for node in ast.walk(tree) if _reduces(node)]
    if any(not _keeps(call) for call in calls):
        return "check keepdims=True and the axis"
    return "check the axis" if calls else ""


def _reduces(node):
    """Whether a node reduces something along an axis."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, (ast.Attribute, ast.Name)):
        return False
    name = ast.unparse(node.func).rpartition(".")[2]
    along = any(word.arg in ("axis", "dim") for word in node.keywords)
    # Python's own `max` takes several arguments, too.
    by_place = isinstance(node.func, ast.Attribute) and len(node.args) > 1
    return name in _NAMES and (along or by_place)


def _keeps(call):
    """Whether a reduction keeps its axis."""
    return any(word.arg in ("keepdims", "keepdim") for word in call.keywords)
