"""An edit of a source whose differences are lost by rounding: `exp(x) - 1` and `log(1 + x)`."""

import ast
from typing import Any

from constrainit.doctor.treatments._edits import end_of, replaced


def exact_differences(text):
    """An edit: `exp(x) - 1` is written `expm1(x)`, and `log(1 + x)` is written `log1p(x)`.

    Of an x near zero these keep what a sum with one rounds away, down to a logarithm of zero.
    """
    nodes: list[Any] = list(ast.walk(ast.parse(text)))
    found = [(node, new) for node in nodes if (new := _exact(node)) is not None]
    inner = {id(one) for node, _ in found for one in ast.walk(node) if one is not node}
    found = [(node, new) for node, new in found if id(node) not in inner]
    for node, (_, new) in sorted(found, key=lambda pair: end_of(pair[0]), reverse=True):
        text = replaced(text, node, new)
    said = " and ".join(dict.fromkeys(how for _, (how, _) in found))
    return (said, text) if found else None


def _exact(node):
    """How a difference is to be written, in words and as an expression; None if it is no such."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and is_one(node.right):
        inner = _operand(node.left, "exp")
        if inner is not None:
            return "expm1(x) in place of exp(x) - 1", _called(node.left, "expm1", inner)
    whole = _operand(node, "log")
    if isinstance(whole, ast.BinOp) and isinstance(whole.op, ast.Add):
        for one, other in ((whole.left, whole.right), (whole.right, whole.left)):
            if is_one(one):
                return "log1p(x) in place of log(1 + x)", _called(node, "log1p", other)
    return None


def _operand(node, name):
    """What a function of a module is called on, if a node is such a call; else None."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    alone = len(node.args) == 1 and not node.keywords
    return node.args[0] if alone and node.func.attr == name else None


def _called(call, name, operand):
    return f"{ast.unparse(call.func.value)}.{name}({ast.unparse(operand)})"


def is_one(node: Any) -> bool:
    """Whether a node is the number 1."""
    return isinstance(node, ast.Constant) and node.value == 1 and node.value is not True
