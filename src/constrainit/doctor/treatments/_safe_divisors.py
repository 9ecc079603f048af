"""An edit of a source: a divisor is replaced where it is zero, before it divides."""

import ast
from typing import Any

from constrainit.doctor.treatments._edits import end_of, replaced


def without_zeros(line_text: str, floor: str = "") -> Any:
    """An edit: on a line, `x / d` becomes `x / where(d == 0, 1.0, d)`.

    A `where` around the quotient hides its value at zero, and not its derivative.

    Args:
        line_text: The line.
        floor: What is put under a divisor that is written out and never below zero, such as a
            norm; nothing if that is empty.
    """

    def edit(text):
        lines = text.splitlines()
        found = []
        for node in ast.walk(ast.parse(text)):
            divisor = _divisor(node)
            there = divisor is not None and lines[divisor.lineno - 1].strip() == line_text
            if there and not isinstance(divisor, ast.Constant):
                found.append(divisor)
        # Of a quotient in a divisor the inner one is safe with the outer one.
        inner = {id(one) for node in found for one in ast.walk(node) if one is not node}
        found = [node for node in found if id(node) not in inner]
        floored = bool(floor) and bool(found) and all(_is_never_negative(node) for node in found)
        for node in sorted(found, key=end_of, reverse=True):
            own = ast.unparse(node)
            new = f"maximum({own}, {floor})" if floored else f"where({own} == 0, 1.0, {own})"
            text = replaced(text, node, f"keras.ops.{new}")
        said = "the divisor is 1 where it is 0, before it divides"
        if floored:
            said = f"a floor of {floor} under the divisor"
        return (said, text) if found else None

    return edit


def _divisor(node: Any) -> Any:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return node.right
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    divides = node.func.attr in ("divide", "true_divide") and len(node.args) == 2
    return node.args[1] if divides else None


def _is_never_negative(node: Any) -> bool:
    """Whether an expression is a norm, a root, or a sum of such or of squares."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mult)):
        return _is_never_negative(node.left) and _is_never_negative(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return isinstance(node.right, ast.Constant) and node.right.value == 2
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (int, float)) and node.value >= 0
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    name = node.func.attr
    return name in _POSITIVE or (
        name in _OF_POSITIVE and bool(node.args) and _is_never_negative(node.args[0])
    )


_POSITIVE = ("norm", "sqrt", "abs", "absolute", "square", "exp", "relu", "std", "var")
_OF_POSITIVE = ("sum", "mean", "max", "amax", "min", "amin", "reshape")
