"""An edit of a source: of two flips of coordinates in a `call` the last one is left out."""

import ast
from typing import Any

from constrainit.doctor.treatments._edits import end_of, replaced


def without_last_flip(text: str) -> tuple[str, str] | None:
    """An edit: a `call` that flips coordinates and flips them back gives them flipped."""
    functions: list[Any] = [
        one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef)
    ]
    nodes: list[Any] = [node for one in functions if one.name == "call" for node in ast.walk(one)]
    flips = sorted([node for node in nodes if _flipped(node) is not None], key=end_of)
    if len(flips) < 2:
        return None
    last: Any = flips[-1]
    taken = ast.unparse(_flipped(last))
    whole: Any = next((node for node in nodes if _is_assigned(node, last)), None)
    new = replaced(text, last, taken)
    # What is left of `x = flip(x)` alone is a line without a use.
    if whole is not None and ast.unparse(whole.targets[0]) == taken:
        lines = text.splitlines(keepends=True)
        new = "".join([*lines[: whole.lineno - 1], *lines[whole.end_lineno or 0 :]])
    return "coordinates are not flipped back at the end of call", new


def _flipped(node: Any) -> Any:
    """What a call of `flip`, or a slice with a step of -1 along the last axis, is taken of."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.args[0] if node.func.attr == "flip" and node.args else None
    if isinstance(node, ast.Subscript):
        last = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) else None
        step = last.step if isinstance(last, ast.Slice) else None
        return node.value if step is not None and ast.unparse(step) == "-1" else None
    return None


def _is_assigned(node: Any, value: Any) -> bool:
    return isinstance(node, ast.Assign) and node.value is value and len(node.targets) == 1
