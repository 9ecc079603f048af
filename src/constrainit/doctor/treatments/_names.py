"""What an edit writes, in the names that the user's own file has for it."""

import ast
from typing import Any

import keras

from constrainit.doctor.treatments._edits import end_of, replaced

_IMPORT = "import keras\n"


def in_own_names(text: str, new: str, scope: dict[str, Any]) -> str:
    """An edited source whose new lines call what Keras has as the file does that it stands in.

    Edits write `keras.ops.where`. In a file that has no `keras`, that is `ops.where` after `from
    keras import ops`, and `K.ops.where` after `import keras as K`; else it is left.

    Args:
        text: The source before the edit.
        new: The source after it.
        scope: What the source is run among.
    """
    if "keras" in scope:
        return new
    known, tree = set(text.splitlines()), ast.parse(new)
    lines = new.splitlines()
    hidden = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    hidden |= {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
    }
    seen = {name: value for name, value in scope.items() if name not in hidden}
    for node in sorted(_of_keras(tree), key=end_of, reverse=True):
        name = None if lines[node.lineno - 1] in known else _own_name(ast.unparse(node), seen)
        if name is not None:
            new = replaced(new, node, name)
    return new


def lacks_import(new: str, scope: dict[str, Any]) -> bool:
    """Whether a source takes `keras`, which its file does not have."""
    return "keras" not in scope and bool(_of_keras(ast.parse(new)))


def has_import(lines: list[str]) -> bool:
    """Whether the lines of a file have the import that `with_import` gives them."""
    return _IMPORT in lines


def with_import(lines: list[str]) -> tuple[list[str], int]:
    """The lines of a file that imports Keras before all else, and at which place it does so."""
    at = _place(lines)
    return [*lines[:at], _IMPORT, *lines[at:]], at


def _place(lines):
    """Where a file may import first: behind what it says of itself and of Python."""
    try:
        body = ast.parse("".join(lines)).body
    # A cell of a notebook may hold more than Python.
    except SyntaxError:
        return 0
    last = 0
    for index, node in enumerate(body):
        says = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            last = node.end_lineno or 0
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            return node.lineno - 1
        elif not (says and index == 0):
            break
        else:
            last = node.end_lineno or 0
    return last


def _of_keras(tree):
    """The longest chains of attributes that begin with `keras`, such as `keras.ops.where`."""
    chains = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and _root(n) == "keras"]
    inner = {id(n.value) for n in chains}
    return [node for node in chains if id(node) not in inner]


def _root(node):
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _own_name(written, scope):
    """How a scope names what is written as `keras.ops.where`, or None."""
    parts = written.split(".")
    for end in range(len(parts), 0, -1):
        wanted = _value(parts[:end])
        names = [name for name, value in scope.items() if wanted is not None and value is wanted]
        if names:
            return ".".join([names[0], *parts[end:]])
    return None


def _value(parts):
    value: Any = keras
    for part in parts[1:]:
        value = getattr(value, part, None)
    return value
