"""Edits of a source after which a constraint may keep weights a little nearer than before."""

import ast
from collections.abc import Callable, Iterator

from constrainit.doctor.treatments._edits import end_of, replaced

SHARE = 0.99
"""How near a bound becomes, as a share of what it was."""

_MOST = 8


def closer(number: float) -> float:
    """A bound that is nearer, as it is written."""
    return float(f"{SHARE * number:.12g}")


def edits(text: str) -> Iterator[Callable[[str], tuple[str, str] | None]]:
    """Those of a number wherever it stands, and those of what is compared to one by `maximum`."""
    nodes = list(ast.walk(ast.parse(text)))
    known = [n.value for n in nodes if isinstance(n, ast.Constant) and _is_bound(n.value)]
    for number in list(dict.fromkeys(known))[:_MOST]:
        yield _of_number(number)
    # What is divided by the larger of its norm and a bound is of that bound's norm for any bound.
    for place in range(sum(map(_is_maximum, nodes))):
        yield _of_maximum(place)


def _of_number(number):
    def edit(text):
        found = [n for n in ast.walk(ast.parse(text)) if _is_number(n, number)]
        return f"{closer(number):g} in place of {number:g}", _with(
            text, [(node, repr(closer(number))) for node in found]
        )

    return edit


def _of_maximum(place):
    def edit(text):
        call = [node for node in ast.walk(ast.parse(text)) if _is_maximum(node)][place]
        operand = next(one for one in call.args if not isinstance(one, ast.Constant))
        own = ast.unparse(operand)
        whole = own if isinstance(operand, (ast.Name, ast.Call, ast.Attribute)) else f"({own})"
        new = f"{whole} / {SHARE}"
        return f"{new} in place of {own}", _with(text, [(operand, new)])

    return edit


def _with(text, pieces):
    for node, new in sorted(pieces, key=lambda piece: end_of(piece[0]), reverse=True):
        text = replaced(text, node, new)
    return text


def _is_bound(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _is_number(node, number):
    return isinstance(node, ast.Constant) and _is_bound(node.value) and node.value == number


def _is_maximum(node):
    if not isinstance(node, ast.Call) or ast.unparse(node.func).split(".")[-1] != "maximum":
        return False
    return len(node.args) == 2 and sum(isinstance(one, ast.Constant) for one in node.args) == 1
