"""A straight-through estimator that is written the wrong way round."""

import ast
from typing import Any

from constrainit.doctor._code import named_once

_STEPS = ("sign", "round", "floor", "ceil", "trunc", "argmax", "one_hot", "greater", "less")


def swapped(tree: ast.AST) -> tuple[Any, str] | None:
    """The sum that has the value of what is smooth and the gradient of a step, which is zero.

    `hard + stop_gradient(soft - hard)` is one, and so is `hard - stop_gradient(hard - soft)`.

    Args:
        tree: Code in which names and calls are looked up.

    Returns:
        The sum, and how it is written the right way round; None if there is none.
    """
    named = named_once(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, (ast.Add, ast.Sub)):
            continue
        pairs = [(node.left, node.right)]
        pairs += [(node.right, node.left)] if isinstance(node.op, ast.Add) else []
        for hard, stopped in pairs:
            inner, around = _stopped(stopped)
            if not isinstance(inner, ast.BinOp) or not isinstance(inner.op, ast.Sub):
                continue
            plus = isinstance(node.op, ast.Add)
            soft, same = (inner.left, inner.right) if plus else (inner.right, inner.left)
            if ast.dump(same) == ast.dump(hard) and _is_step(hard, named, soft):
                kept, step = ast.unparse(soft), ast.unparse(hard)
                return node, f"{kept} + {around.format(f'{step} - {kept}')}"
    return None


def _stopped(node: Any) -> tuple[Any, str]:
    """What is kept from a gradient, and how that is written; None of anything else."""
    if not isinstance(node, ast.Call):
        return None, ""
    name = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
    if name == "stop_gradient" and node.args:
        return node.args[0], ast.unparse(node.func) + "({})"
    if name == "detach" and isinstance(node.func, ast.Attribute):
        return node.func.value, "({}).detach()"
    return None, ""


def _is_step(node: Any, named: dict[str, Any], soft: Any) -> bool:
    """Whether an expression is a step, of which no gradient comes, and what is smooth is none."""
    return _steps(node, named) and not _steps(soft, named)


def _steps(node: Any, named: dict[str, Any]) -> bool:
    node = named.get(node.id, node) if isinstance(node, ast.Name) else node
    if isinstance(node, ast.Compare):
        return True
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
    casts = name in ("cast", "astype") and any(_steps(part, named) for part in _given(node))
    return name in _STEPS or casts


def _given(node):
    return [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
