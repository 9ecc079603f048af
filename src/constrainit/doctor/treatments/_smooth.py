"""An edit of the source of a user's class: a sharp cutoff becomes a smooth one."""

import ast
from typing import Any

from constrainit.doctor._code import named_once
from constrainit.doctor.treatments._edits import all_replaced, end_of, replaced

_RISING = (ast.Gt, ast.GtE)
_FALLING = (ast.Lt, ast.LtE)
_NAMED = {"greater": 1, "greater_equal": 1, "less": -1, "less_equal": -1}
_MAPS = {"sign": "tanh", "relu": "softplus", "maximum": "softplus", "minimum": "softplus"}
_WITH_A_SIGMOID = ("tf", "torch")


def smooth(line_text: str, sharpness: float) -> Any:
    """An edit: the last choice that is made by the comparison on a line is made by a sigmoid.

    A `where` takes from one branch to the other as the two sides of the comparison pass each other,
    a `cast` of the comparison rises from 0 to 1 there, and so does a `sign` from -1 to 1, by a
    tanh. The sharper it is, the nearer it comes to the cutoff, and the fewer entries learn. A
    `clip` between two numbers becomes a sigmoid of the slope one in its middle, and what ends at
    one number (`maximum`, `minimum`, `relu`) a softplus.
    """

    def edit(text):
        tree, lines = ast.parse(text), text.splitlines()
        named = named_once(tree)
        calls: list[Any] = [one for one in ast.walk(tree) if isinstance(one, ast.Call)]
        found = []
        for node in calls:
            name = getattr(node.func, "attr", "")
            there = lines[node.lineno - 1].strip() == line_text
            bent = _bent(node, sharpness) if there and node.args else None
            if bent is not None:
                found.append((node, bent))
            if name not in ("where", "cast") or not node.args:
                continue
            condition = _resolved(node.args[0], named)
            if condition is None or lines[condition.lineno - 1].strip() != line_text:
                continue
            gate = _gate(condition, _module(node), sharpness)
            new = gate and _chosen(node, gate)
            if new:
                found.append((node, new))
        if not found:
            return None
        node, new = max(found, key=lambda pair: end_of(pair[0]))
        shown = ast.unparse(_resolved(node.args[0], named) or node)
        map_of = _MAPS.get(getattr(node.func, "attr", ""), "sigmoid")
        return f"a {map_of} in place of {shown}, which cuts sharply", replaced(text, node, new)

    return edit


def softly(line_text: str) -> Any:
    """An edit: shares between 0 and 1 are counted as they are, not whether they pass a number.

    That is a `cast` of the comparison on a line, or a `where` of it between 1 and 0.
    """

    def edit(text):
        tree, lines = ast.parse(text), text.splitlines()
        named, found = named_once(tree), []
        for node in [one for one in ast.walk(tree) if isinstance(one, ast.Call) and one.args]:
            condition = _resolved(node.args[0], named)
            if condition is None or lines[condition.lineno - 1].strip() != line_text:
                continue
            new = _share(condition) if _is_count(node) else None
            if new:
                found.append((node, new))
        if not found:
            return None
        shown = ast.unparse(found[0][0])
        return f"{found[0][1]} in place of {shown}, which jumps", all_replaced(text, found)

    return edit


def _is_count(node):
    """Whether a call makes 1 and 0 of a condition."""
    if getattr(node.func, "attr", "") == "where" and len(node.args) == 3:
        return _is_number(node.args[1], 1) and _is_number(node.args[2], 0)
    return getattr(node.func, "attr", "") == "cast" and _chosen(node, "1") is not None


def _share(condition):
    """What is compared with a number between 0 and 1, or what is left of it to 1; else None."""
    if not isinstance(condition, ast.Compare):
        return None
    left, right = condition.left, condition.comparators[0]
    rises = isinstance(condition.ops[0], _RISING)
    if not rises and not isinstance(condition.ops[0], _FALLING):
        return None
    turned = isinstance(left, ast.Constant)
    share, bound = (right, left) if turned else (left, right)
    number = _number(bound)
    if number is None or not 0 < number < 1:
        return None
    text = _factor(share)
    return text if rises != turned else f"(1 - {text})"


def _resolved(node: Any, named: dict[str, Any]) -> Any:
    """The comparison that a condition is; None if it is something else."""
    node = named.get(node.id) if isinstance(node, ast.Name) else node
    compares = isinstance(node, ast.Compare) and len(node.ops) == 1
    calls = isinstance(node, ast.Call) and getattr(node.func, "attr", "") in _NAMED
    two = calls and len(getattr(node, "args", ())) == 2
    return node if compares or two else None


def _module(node):
    """The module that has the sigmoid: that of the call, where it is known to have one."""
    module = ast.unparse(node.func.value)
    return module if module.endswith("ops") or module in _WITH_A_SIGMOID else "keras.ops"


def _gate(condition: Any, module: str, sharpness: float) -> str | None:
    """A sigmoid of the difference of what is compared, or None."""
    if isinstance(condition, ast.Call):
        left, right = condition.args
        rises = _NAMED[getattr(condition.func, "attr", "")] > 0
    else:
        left, right = condition.left, condition.comparators[0]
        rises = isinstance(condition.ops[0], _RISING)
        if not rises and not isinstance(condition.ops[0], _FALLING):
            return None
    high, low = (left, right) if rises else (right, left)
    inner = ast.unparse(high if _is_number(low, 0) else ast.BinOp(high, ast.Sub(), low))
    return f"{module}.sigmoid({sharpness:g} * ({inner}))"


def _chosen(node, gate):
    """What a `where` or a `cast` becomes; None for a cast to whole numbers."""
    if node.func.attr == "cast":
        kinds = [one.value for one in node.args[1:] if isinstance(one, ast.Constant)]
        return None if any(kind in ("bool", "int32", "int64") for kind in kinds) else gate
    if len(node.args) != 3:
        return None
    yes, no = node.args[1:]
    if _is_number(no, 0):
        return gate if _is_number(yes, 1) else f"{gate} * {_factor(yes)}"
    return f"({ast.unparse(no)} + {gate} * ({ast.unparse(yes)} - ({ast.unparse(no)})))"


def _factor(node):
    text = ast.unparse(node)
    return text if isinstance(node, (ast.Name, ast.Attribute, ast.Call)) else f"({text})"


def _is_number(node, value):
    return isinstance(node, ast.Constant) and node.value == value


def _bent(node, sharpness):
    """What a function that is flat beyond a bound, or everywhere, becomes; None of another one."""
    name, module, x = getattr(node.func, "attr", ""), _module(node), ast.unparse(node.args[0])
    if name == "sign":
        return f"{module}.tanh({sharpness:g} * ({x}))"
    if name == "relu":
        return f"{module}.softplus({x})"
    known = map(_number, node.args[1:])
    bounds = [number for number in known if number is not None]
    if len(bounds) < len(node.args) - 1:
        return None
    if name == "clip" and len(bounds) == 2 and bounds[0] < bounds[1]:
        low, high = bounds
        middle, slope = (low + high) / 2, 4 / (high - low)
        inner = f"{slope:g} * ({x} - {middle:g})" if middle else f"{slope:g} * ({x})"
        return f"({low:g} + {high - low:g} * {module}.sigmoid({inner}))"
    if name in ("maximum", "minimum") and len(bounds) == 1:
        [bound] = bounds
        if name == "maximum":
            return f"({bound:g} + {module}.softplus({x} - {bound:g}))"
        return f"({bound:g} - {module}.softplus({bound:g} - ({x})))"
    return None


def _number(node):
    """The number that a part of the code is written as, or None."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
