"""The edit of a QR decomposition in the user's source: Q with the signs of R's diagonal."""

import ast

_SIGNED = "keras.ops.sign(keras.ops.diagonal(r))"


def with_signs(text):
    """Q of a QR decomposition times the signs of the diagonal of R, which makes it one to one."""
    statements = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
    found = [(node, new) for node in statements if (new := _signed(node))]
    if not found:
        return None
    lines = text.splitlines(keepends=True)
    for node, new in sorted(found, key=lambda pair: pair[0].lineno, reverse=True):
        indent = lines[node.lineno - 1][: node.col_offset]
        lines[node.lineno - 1 : node.end_lineno] = [f"{indent}{one}\n" for one in new]
    return "Q has the signs of the diagonal of R", "".join(lines)


def _signed(node):
    """The statements in the place of one that takes Q of a decomposition, or None."""
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Subscript):
        call, place = node.value.value, node.value.slice
        first = isinstance(place, ast.Constant) and place.value == 0
        return (
            [f"q, r = {ast.unparse(call)}", f"return q * {_SIGNED}"]
            if (first and _is_qr(call))
            else None
        )
    if not isinstance(node, ast.Assign) or not _is_qr(node.value):
        return None
    [target] = node.targets[:1]
    names = [ast.unparse(one) for one in getattr(target, "elts", ())]
    if len(names) != 2 or not all(name.isidentifier() for name in names):
        return None
    q, r = names[0], "r" if names[1] == "_" else names[1]
    signed = _SIGNED.replace("(r)", f"({r})")
    return [f"{q}, {r} = {ast.unparse(node.value)}", f"{q} = {q} * {signed}"]


def _is_qr(node):
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr == "qr"
