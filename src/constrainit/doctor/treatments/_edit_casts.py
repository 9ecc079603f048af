"""An edit of the source of a user's class: whole numbers that pass the gradient through."""

import ast
from typing import Any

from constrainit.doctor.treatments._edit_losses import as_operand
from constrainit.doctor.treatments._edits import all_replaced

_WHOLE = ("int", "uint")
_ROUNDS = ("round", "floor", "ceil", "trunc", "sign")


def with_whole_numbers_let_through(text: str) -> tuple[str, str] | None:
    """Casts to whole numbers with the gradient of what they take, and so of what is rounded.

    What the cast back to a float gives stays as it is. None if there is no such cast, or the
    gradient is passed around it already.
    """
    tree = ast.parse(text)
    calls: list[Any] = [
        one for one in ast.walk(tree)
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
    ]  # fmt: skip
    if any(one.func.attr in ("stop_gradient", "detach") for one in calls):
        return None
    found = [one for one in calls if _cast(one) is not None]
    whole = [one for one in found if _is_whole(one)]
    if not whole:
        return None
    around = [one for one in found if _cast(one) in whole]
    inner = {id(node) for one in whole for node in ast.walk(one) if node is not one}
    rounded = [one for one in calls if one.func.attr in _ROUNDS and one.args]
    outside = [one for one in rounded if id(one) not in inner]
    casts = [one for one in whole if all(one is not _cast(other) for other in around)]
    new = [
        *((one, _around(ast.unparse(one), _taken(_cast(one)))) for one in around),
        *((one, _back(one)) for one in casts),
        *((one, _around(ast.unparse(one), one.args[0])) for one in outside),
    ]
    return "whole numbers pass the gradient through, as floats would", all_replaced(text, new)


def _cast(node: Any) -> Any:
    """What a call casts to another dtype; None if that is not what it does."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    if node.func.attr == "cast" and _dtype(node) is not None and node.args:
        return node.args[0]
    return node.func.value if node.func.attr == "astype" and node.args else None


def _dtype(node: Any) -> Any:
    named = [word.value for word in node.keywords if word.arg == "dtype"]
    at = 0 if node.func.attr == "astype" else 1
    return next(iter([*named, *node.args[at : at + 1]]), None)


def _is_whole(node):
    """Whether a cast is one to whole numbers, of what is no comparison."""
    name = ast.unparse(_dtype(node)).strip("'\"").split(".")[-1]
    return name.startswith(_WHOLE) and not isinstance(_cast(node), ast.Compare)


def _taken(node: Any) -> Any:
    """What whole numbers are made of, without what rounds it before: that has no slope either."""
    taken = _cast(node)
    while isinstance(taken, ast.Call) and getattr(taken.func, "attr", "") in _ROUNDS and taken.args:
        taken = taken.args[0]
    return taken


def _back(node):
    """A cast to whole numbers that are floats of the dtype that they were made of."""
    taken = _taken(node)
    kept = f"keras.ops.cast({ast.unparse(node)}, ({ast.unparse(taken)}).dtype)"
    return _around(kept, taken)


def _around(own, taken):
    inner = as_operand(taken)
    return f"({inner} + keras.ops.stop_gradient({own} - {inner}))"
