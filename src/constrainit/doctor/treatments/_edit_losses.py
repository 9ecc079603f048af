"""Edits of losses of the user's own, and of what a layer adds to the loss."""

import ast
from collections.abc import Callable
from typing import Any

from constrainit.doctor.treatments._edits import all_replaced, method_calls

_ROUNDED = ("round", "rint", "floor", "ceil")
_TENTHS = (0.1, 1e-2, 1e-3, 1e-4)


def adds_less(scale: float) -> Callable[[str], tuple[str, str] | None]:
    """An edit: what is added to the loss is multiplied by a number, or divided by a whole one."""
    whole = round(1 / scale)
    divides = scale not in _TENTHS and abs(whole * scale - 1) < 1e-9
    by, said = (f"/ {whole}", "divided by") if divides else (f"* {scale:g}", "multiplied by")

    def edit(text):
        nodes = [one for one in method_calls(text) if one.func.attr == "add_loss"]
        added = [one.args[0] for one in nodes]
        new = all_replaced(text, [(one, f"{as_operand(one)} {by}") for one in added])
        return (f"what it adds to the loss is {said} {by[2:]}", new) if nodes else None

    return edit


def unrounded(text: str) -> tuple[str, str] | None:
    """The predictions as they are, where a loss `f(y_true, y_pred)` rounds them."""
    function = next((n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)), None)
    if function is None or len(function.args.args) < 2:
        return None
    predicted = function.args.args[1].arg
    nodes = [
        one
        for one in method_calls(text)
        if one.func.attr in _ROUNDED
        and any(isinstance(n, ast.Name) and n.id == predicted for n in ast.walk(one.args[0]))
    ]
    new = all_replaced(text, [(node, as_operand(node.args[0])) for node in nodes])
    return ("the loss takes the predictions as they are, not rounded", new) if nodes else None


def running_product(text: str) -> tuple[str, str] | None:
    """`cumprod(1 - p)` in place of `1 - cumsum(p)`: the share that is left after each of some."""
    nodes = [
        one
        for one in ast.walk(ast.parse(text))
        if isinstance(one, ast.BinOp) and isinstance(one.op, ast.Sub) and _is_one(one.left)
        and isinstance(one.right, ast.Call) and isinstance(one.right.func, ast.Attribute)
        and one.right.func.attr == "cumsum" and one.right.args
    ]  # fmt: skip
    pairs = []
    for node in nodes:
        call: Any = node.right
        rest = [ast.unparse(one) for one in call.args[1:]]
        rest += [f"{word.arg}={ast.unparse(word.value)}" for word in call.keywords]
        left = f"{ast.unparse(node.left)} - {as_operand(call.args[0])}"
        pairs.append((node, f"{ast.unparse(call.func.value)}.cumprod({', '.join([left, *rest])})"))
    said = "what is left is the product of 1 - p, cumprod, and not 1 less the sum of p"
    return (said, all_replaced(text, pairs)) if pairs else None


def _is_one(node):
    return isinstance(node, ast.Constant) and node.value == 1


def as_operand(node):
    """An expression, in brackets where what stands beside it may ask for them."""
    plain = isinstance(node, (ast.Name, ast.Call, ast.Attribute))
    return ast.unparse(node) if plain else f"({ast.unparse(node)})"
