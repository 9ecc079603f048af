"""An edit of a constraint that overflows in half precision: it computes in float32."""

import ast

from constrainit.doctor._code import called_of
from constrainit.doctor.treatments._edits import all_replaced

_KEPT = "given_dtype"


def in_float32(text):
    """`__call__`, or a function, that takes its weight in float32 and gives it back as it came."""
    function, method = called_of(text)
    if function is None or _KEPT in text or "float32" in ast.unparse(function):
        return None
    names = [one.arg for one in function.args.args][1 if method else 0 :]
    first = function.body[1 if ast.get_docstring(function) and len(function.body) > 1 else 0]
    values = [one.value for one in _returns(function) if one.value is not None]
    if not names or not values or first.lineno == function.lineno:
        return None
    weight, indent = names[0], " " * first.col_offset
    new = all_replaced(
        text, [(one, f"keras.ops.cast({ast.unparse(one)}, {_KEPT})") for one in values]
    )
    lines = new.splitlines(keepends=True)
    lines.insert(
        first.lineno - 1,
        f"{indent}{_KEPT} = {weight}.dtype\n"
        f'{indent}{weight} = keras.ops.cast({weight}, "float32")\n',
    )
    return "it computes in float32, and gives back the dtype that it was given", "".join(lines)


def _returns(function):
    """What a function returns, and no function inside of it."""
    todo, found = list(function.body), []
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Return):
            found.append(node)
        elif not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            todo += ast.iter_child_nodes(node)
    return found
