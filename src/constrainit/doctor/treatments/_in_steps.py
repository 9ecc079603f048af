"""An edit of a source: a state that a loop adds to at each turn goes shorter steps."""

import ast
from typing import Any

from constrainit.doctor.treatments._edits import end_of, replaced


def in_shorter_steps(text: str) -> tuple[str, str] | None:
    """An edit: `h = h + f(h)` in a loop of n turns becomes `h = h + f(h) / n`.

    So that the turns together go as far as a single one did, whatever their number.
    """
    found = {}
    for loop in [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.For)]:
        turns = _turns(loop)
        for node in ast.walk(loop) if turns else []:
            added = _added(node)
            if added is not None:
                # Of loops in one another the inner one comes later, and counts.
                found[end_of(added)] = added, f"({ast.unparse(added)}) / {turns}"
    for node, new in sorted(found.values(), key=lambda pair: end_of(pair[0]), reverse=True):
        text = replaced(text, node, new)
    said = "each turn of the loop adds a share of what it did, as many as there are turns"
    return (said, text) if found else None


def _turns(loop: Any) -> str:
    """How often a loop `for _ in range(n)` turns, as it is written; "" of another one."""
    call: Any = loop.iter
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return ""
    if call.func.id != "range" or len(call.args) != 1:
        return ""
    [turns] = call.args
    return ast.unparse(turns) if isinstance(turns, (ast.Name, ast.Attribute, ast.Constant)) else ""


def _added(node: Any) -> Any:
    """What is added to a name that it is computed from; None if nothing is."""
    if isinstance(node, ast.AugAssign):
        target, value = node.target, node.value
        parts = [value] if isinstance(node.op, ast.Add) else []
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
        target, sides = node.targets[0], (node.value.left, node.value.right)
        adds = isinstance(node.value.op, ast.Add) and len(node.targets) == 1
        own = [side for side in sides if ast.dump(side) == _loaded(target)]
        parts = [side for side in sides if side not in own] if adds and len(own) == 1 else []
    else:
        return None
    name = target.id if isinstance(target, ast.Name) else ""
    calls = [one for part in parts for one in ast.walk(part) if isinstance(one, ast.Call)]
    reads = any(getattr(n, "id", "") == name for one in calls for n in ast.walk(one))
    return parts[0] if name and reads else None


def _loaded(target):
    return ast.dump(ast.Name(target.id, ast.Load())) if isinstance(target, ast.Name) else ""
