"""The edit of what a layer of the user's own adds to the loss."""

import ast
from collections.abc import Callable

from constrainit.doctor.treatments._edits import end_of, method_calls, replaced

_TENTHS = (0.1, 1e-2, 1e-3, 1e-4)


def adds_less(scale: float) -> Callable[[str], tuple[str, str] | None]:
    """An edit: what is added to the loss is multiplied by a number, or divided by a whole one."""
    whole = round(1 / scale)
    divides = scale not in _TENTHS and abs(whole * scale - 1) < 1e-9
    by, said = (f"/ {whole}", "divided by") if divides else (f"* {scale:g}", "multiplied by")

    def edit(text):
        nodes = [one for one in method_calls(text) if one.func.attr == "add_loss"]
        for node in sorted(nodes, key=end_of, reverse=True):
            added = node.args[0]
            own, plain = ast.unparse(added), isinstance(added, (ast.Name, ast.Call, ast.Attribute))
            text = replaced(text, added, f"{own if plain else f'({own})'} {by}")
        return (f"what it adds to the loss is {said} {by[2:]}", text) if nodes else None

    return edit
