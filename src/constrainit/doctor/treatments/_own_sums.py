"""An edit of a source: exponentials that are divided by their own sums, on logarithms."""

import ast
from typing import Any

from constrainit.doctor.treatments._edits import all_replaced


def on_logarithms(text: str) -> tuple[str, str] | None:
    """An edit: `p = exp(x)` that is divided by its own sums again and again, as a logarithm.

    The exponentials of a row may overflow, or all of them underflow; `p = x`,
    `p = p - logsumexp(p)` and `exp(p)` where it is used are the same where they do not. A quotient
    that is no new `p`, and one of `exp(x)` by its own sum, is a softmax.
    """
    nodes: list[Any] = list(ast.walk(ast.parse(text)))
    quotients = [one for one in nodes if _module_of_softmax(one, None)]
    if quotients:
        new = all_replaced(
            text, [(one, _softmax(one, ast.unparse(one.left.args[0]))) for one in quotients]
        )
        return "the quotient of exponentials by their sum is a softmax", new
    functions = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef)]
    for function in functions:
        for name in _exponentials(function):
            pieces = _pieces(function, name)
            if pieces is None:
                continue
            new = all_replaced(text, pieces)
            by = "logsumexp" if "logsumexp" in "".join(piece for _, piece in pieces) else "softmax"
            return f"{name} is normalized as a logarithm, by {by}", new
    return None


def _exponentials(function):
    return [
        node.targets[0].id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        and _module_of(node.value, "exp")
    ]  # fmt: skip


def _pieces(function: Any, name: str) -> list[tuple[Any, str]] | None:
    """What is to be written where; None if the name is more than normalized exponentials."""
    pieces, inside, module = [], set(), "keras.ops"
    normalized = False
    for node in ast.walk(function):
        if not isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not any(_is(one, name) for target in targets for one in ast.walk(target)):
            continue
        value: Any = node.value
        if isinstance(node, ast.Assign) and _module_of(value, "exp"):
            module = _module_of(value, "exp")
            pieces.append((value, ast.unparse(value.args[0])))
            inside |= {id(one) for one in ast.walk(value)}
            continue
        divided = isinstance(value, ast.BinOp) and isinstance(value.op, ast.Div)
        divides = isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Div)
        total = value if divides else value.right if divided and _is(value.left, name) else None
        along = None if total is None else _along(total, ast.Name(name))
        if along is None:
            return None
        new = f"{name} - {_module_of(total, 'sum')}.logsumexp({name}{along})"
        pieces.append((node, f"{name} = {new}"))
        inside |= {id(one) for one in ast.walk(node)}
        normalized = True
    nodes: list[Any] = list(ast.walk(function))
    for node in nodes:
        if id(node) not in inside and _module_of_softmax(node, name):
            pieces.append((node, _softmax(node, name)))
            inside |= {id(one) for one in ast.walk(node)}
            normalized = True
    for node in nodes:
        if _is(node, name) and isinstance(node.ctx, ast.Load) and id(node) not in inside:
            pieces.append((node, f"{module}.exp({name})"))
    return pieces if normalized else None


def _module_of_softmax(node: Any, name: str | None) -> str:
    """The module whose `softmax` a quotient is; "" of anything else.

    Args:
        node: A node.
        name: What stands for exponentials; None for calls of `exp` themselves.
    """
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Div):
        return ""
    if _module_of(node.left, "exp") if name is None else _is(node.left, name):
        return _module_of(node.right, "sum") if _along(node.right, node.left) is not None else ""
    return ""


def _softmax(node: Any, logarithms: str) -> str:
    """A quotient of exponentials by their sum, written as a softmax of their logarithms."""
    axis = next(ast.unparse(one.value) for one in node.right.keywords if one.arg == "axis")
    return f"{_module_of(node.right, 'sum')}.softmax({logarithms}, axis={axis})"


def _along(node: Any, summed: Any) -> str | None:
    """The axes of a sum of a name or an expression that keeps them, as they are written."""
    words = {word.arg: ast.unparse(word.value) for word in getattr(node, "keywords", ())}
    summed = (
        _module_of(node, "sum")
        and len(node.args) == 1
        and ast.unparse(node.args[0]) == ast.unparse(summed)
    )
    if not summed or words.get("keepdims") != "True" or set(words) != {"axis", "keepdims"}:
        return None
    return "".join(f", {key}={value}" for key, value in words.items())


def _is(node: Any, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _module_of(node: Any, function: str) -> str:
    """The module of `keras.ops`, as it is written, whose function is called; "" of others."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return ""
    if node.func.attr != function or not node.args:
        return ""
    module = ast.unparse(node.func.value)
    return module if module.split(".")[-1] == "ops" else ""
