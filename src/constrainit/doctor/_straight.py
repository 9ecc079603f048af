"""A straight-through estimator that is written the wrong way round."""

import ast
from typing import Any

from constrainit.doctor._code import named_once

WRONG_WAY = "a straight-through estimator the wrong way round"
"""How one is told of."""

_KEEPING = ("cast", "astype", "clip", "multiply", "divide", "true_divide")
"""What is computed of a step by them is one still."""

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
    return _steps(node, named, soft) and not _steps(soft, named, soft)


def _steps(node: Any, named: dict[str, Any], soft: Any) -> bool:
    # A name is looked up once, as it may stand for what it was before.
    if isinstance(node, ast.Name) and node.id in named:
        others = {name: value for name, value in named.items() if name != node.id}
        return _steps(named[node.id], others, soft)
    if isinstance(node, ast.Compare):
        return True
    if isinstance(node, ast.UnaryOp):
        return _steps(node.operand, named, soft)
    if isinstance(node, ast.BinOp):
        return _scaled_steps([node.left, node.right], named, soft)
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
    if name in _KEEPING:
        return _scaled_steps(_given(node), named, soft)
    return name in _STEPS


def _scaled_steps(parts, named, soft):
    """Whether a step is counted in other units, and nothing of what is smooth is put beside it."""
    others = [part for part in parts if not _steps(part, named, soft)]
    smooth = any(ast.dump(one) == ast.dump(soft) for part in others for one in ast.walk(part))
    return len(others) < len(parts) and not smooth


def _given(node):
    return [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
