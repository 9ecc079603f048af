"""An edit of a source: a divisor is replaced where it is zero, before it divides."""

import ast
from typing import Any

from constrainit.doctor.treatments._edits import end_of, replaced


def without_zeros(line_text: str) -> Any:
    """An edit: on a line, `x / d` becomes `x / where(d == 0, 1.0, d)`.

    A `where` around the quotient hides its value at zero, and not its derivative.
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
        for node in sorted(found, key=end_of, reverse=True):
            own = ast.unparse(node)
            text = replaced(text, node, f"keras.ops.where({own} == 0, 1.0, {own})")
        said = "the divisor is 1 where it is 0, before it divides"
        return (said, text) if found else None

    return edit


def _divisor(node: Any) -> Any:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return node.right
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    divides = node.func.attr in ("divide", "true_divide") and len(node.args) == 2
    return node.args[1] if divides else None
