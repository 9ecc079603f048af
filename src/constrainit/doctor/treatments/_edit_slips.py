"""Edits of a constraint whose author took one argument for another, or left one out."""

import ast
import re
from typing import Any

from constrainit.doctor._code import called_of
from constrainit.doctor.treatments._edits import (
    REDUCTIONS,
    all_replaced,
    keeps_dimensions,
    method_calls,
    numbers_of,
    replaced,
)

_LOW = re.compile(r"(^|\.|_)(lo|low|lower|min|minimum|minval|bottom|floor|start|left|a)(_|$)")
_LIMITS = {"minimum": "maximum", "maximum": "minimum"}


def bounds_in_order(text: str) -> tuple[str, str] | None:
    """The two bounds of each `clip`, or of a `minimum` of a `maximum`, in the other order.

    Not where their names say that they stand as they should: then they were given so.
    """
    pairs = []
    for node in method_calls(text):
        own = node.func.attr
        words = {word.arg: word.value for word in node.keywords}
        if own in ("clip", "clip_by_value"):
            taken = [*node.args[1:3], *words.values()]
            if len(taken) == 2:
                pairs.append(taken)
        elif own in _LIMITS and len(node.args) == 2:
            inner = [one for one in node.args if _is_call_of(one, _LIMITS[own])]
            if len(inner) == 1 and len(inner[0].args) == 2:
                [outer] = [one for one in node.args if one is not inner[0]]
                pairs.append([outer, inner[0].args[1]])
    pairs = [(a, b) for a, b in pairs if not _LOW.search(ast.unparse(a).lower())]
    if not pairs:
        return None
    places = [(node, ast.unparse(other)) for a, b in pairs for node, other in ((a, b), (b, a))]
    return "the bounds of its clip in the other order", all_replaced(text, places)


def _is_call_of(node, name):
    return isinstance(node, ast.Call) and getattr(node.func, "attr", "") == name


def along_each_unit(axes: tuple[int, ...], rank: int) -> Any:
    """An edit: sums and norms along other axes than those of a unit run along these, and keep them.

    Args:
        axes: The axes that feed one unit.
        rank: The rank of the weight.
    """
    right = str(axes[0] if len(axes) == 1 else axes)

    def is_other(node):
        named = numbers_of(node) or []
        known = bool(named) and all(isinstance(axis, int) for axis in named)
        return known and {axis % rank for axis in named} != set(axes)

    def edit(text):
        others = [
            word.value
            for node in method_calls(text)
            for word in node.keywords
            if node.func.attr in REDUCTIONS and word.arg == "axis" and is_other(word.value)
        ]
        new = all_replaced(text, [(node, right) for node in others])
        kept = keeps_dimensions(new) if others else None
        return kept and (
            f"reductions run along axis={right}, as a unit does, and keep it",
            kept[1],
        )

    return edit


def times_the_weight(text: str) -> tuple[str, str] | None:
    """What is returned in place of the weight, as a comparison, times the weight."""
    function, method = called_of(text)
    if function is None or len(function.args.args) <= bool(method):
        return None
    name, nodes = function.args.args[bool(method)].arg, list(ast.walk(function))
    given = [one.value for one in nodes if isinstance(one, ast.Return) and one.value is not None]
    if len(given) != 1 or not any(map(_compares, nodes)):
        return None
    [made] = given
    takes = [
        one for one in nodes
        if isinstance(one, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.NamedExpr))
        and name in [ast.unparse(to) for to in getattr(one, "targets", [getattr(one, "target", 0)])]
    ]  # fmt: skip
    if isinstance(made, ast.Name) and made.id == name and len(takes) == 1:
        made = takes[0].value if isinstance(takes[0], ast.Assign) else None
    elif takes:
        return None
    if made is None:
        return None
    single = isinstance(made, (ast.Call, ast.Name, ast.Attribute))
    own = ast.get_source_segment(text, made) or ast.unparse(made)
    new = f"{name} * {own}" if single else f"{name} * ({own})"
    return "the weight times what is compared", replaced(text, made, new)


def _compares(node):
    """Whether a part of a source compares numbers."""
    called = getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
    return isinstance(node, ast.Compare) or called.startswith(("greater", "less"))


def matrices_transposed(text: str) -> tuple[str, str] | None:
    """`transpose` without axes, which turns all of them round, as an exchange of the first two."""
    found = [
        node
        for node in method_calls(text)
        if node.func.attr == "transpose" and len(node.args) == 1 and not node.keywords
    ]
    parts = [(one, ast.unparse(one.func.value), ast.unparse(one.args[0])) for one in found]
    new = all_replaced(text, [(n, f"{ops}.swapaxes({own}, 0, 1)") for n, ops, own in parts])
    return ("the first two axes are exchanged, and no others", new) if found else None
