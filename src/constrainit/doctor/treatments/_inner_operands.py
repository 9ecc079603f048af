"""An edit of a source: what an operation is given is harmless where a `where` does not take it."""

import ast
from typing import Any

from constrainit.doctor._code import named_once
from constrainit.doctor.treatments._bounds import WRITTEN
from constrainit.doctor.treatments._edits import all_replaced, end_of

_HARMLESS = ("log", "log2", "log10", "log1p", "sqrt", "rsqrt", "divide", "power", "arccosh")
"""What has a value and a slope at 1."""


def inner_operand(name: str, line_text: str) -> Any:
    """An edit: `where(x > 0, log(x), 0)` becomes `where(x > 0, log(where(x > 0, x, 1)), 0)`.

    A `where` takes the value of one branch, and the derivative of both: a NaN of the one that is
    not taken comes through, as zero times NaN is NaN.

    Args:
        name: The operation that failed, as all backends name it.
        line_text: The line that it stands on.
    """

    def edit(text):
        if name not in _HARMLESS:
            return None
        tree, lines = ast.parse(text), text.splitlines()
        there = [
            operand
            for node in ast.walk(tree)
            if isinstance(node, ast.expr) and lines[node.lineno - 1].strip() == line_text
            and (operand := _operand(node, name)) is not None
            and not isinstance(operand, ast.Constant)
        ]  # fmt: skip
        named = _named(tree)
        chosen = [(one, way) for one in there if (way := _way(tree, one, named)) is not None]
        # Of one in another the outer one is harmless with it.
        inner = {id(part) for one, _ in chosen for part in ast.walk(one) if part is not one}
        chosen = [(one, way) for one, way in chosen if id(one) not in inner]
        if not chosen:
            return None
        new = [(one, _guarded(one, *way)) for one, way in chosen]
        shown = ast.unparse(chosen[0][0])
        said = f"{shown} is 1 in {name} where the branch is not taken, before it is computed"
        return said, all_replaced(text, new)

    return edit


def _named(tree):
    """What the names of the functions of a class stand for that are given once in each."""
    found: dict[str, Any] = {}
    for function in [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]:
        found |= named_once(function)
    return found


def _operand(node: Any, name: str) -> Any:
    """What the operation is taken of, where it has a domain; None of another expression."""
    if isinstance(node, ast.BinOp):
        if name == "divide" and isinstance(node.op, ast.Div):
            return node.right
        return node.left if name == "power" and isinstance(node.op, ast.Pow) else None
    if not isinstance(node, ast.Call) or not node.args:
        return None
    written = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
    if name == "divide":
        divides = written in ("divide", "true_divide") and len(node.args) == 2
        return node.args[1] if divides else None
    return node.args[0] if written in WRITTEN.get(name, (name,)) else None


def _way(tree, operand, named):
    """The condition of the nearest `where` with a part in a branch, and whether it is the first."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or getattr(node.func, "attr", "") != "where":
            continue
        if len(node.args) != 3:
            continue
        condition, *branches = node.args
        held = [_holds(branch, operand, named) for branch in branches]
        if held in ([True, False], [False, True]):
            found.append((end_of(node), condition, held[0], ast.unparse(node.func)))
    if not found:
        return None
    _, condition, first, function = min(found, key=lambda one: one[0])
    return condition, first, function


def _holds(branch, operand, named, deep=3):
    """Whether an expression holds a part of the code, be it by a name that is given once."""
    for node in ast.walk(branch):
        if node is operand:
            return True
        value = named.get(node.id) if isinstance(node, ast.Name) and deep else None
        if value is not None and _holds(value, operand, named, deep - 1):
            return True
    return False


def _guarded(operand, condition, first, function):
    parts = (ast.unparse(operand), "1.0") if first else ("1.0", ast.unparse(operand))
    return f"{function}({ast.unparse(condition)}, {', '.join(parts)})"
