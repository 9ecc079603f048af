"""Another argument where the user's file makes an object, as a diff."""

import ast
import difflib
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from constrainit.doctor.treatments._edits import all_replaced, end_of, replaced
from constrainit.doctor.treatments._rewriting import source_of


def with_argument(
    kinds: Iterable[Any], made: Any, name: str, is_old: Callable[[Any], bool], new: Any, most: int
) -> str:
    """The diff of a file in which a class is made with another argument; empty if none is found.

    Args:
        kinds: Classes of the user's own; first their sources are searched, then their files.
        made: The class that is made.
        name: The argument.
        is_old: Whether a value of it is the one to be changed.
        new: What it becomes.
        most: Of more calls than that it is not known which one is meant.
    """

    def change(text, node):
        return _changed(text, node, made, name, new)

    return _with_calls(kinds, made, lambda node: _has(node, made, name, is_old), change, most)


def with_swapped(kinds: Iterable[Any], made: Any, values: dict[str, Any], most: int) -> str:
    """The diff of a file in which a class is made with two arguments the other way round.

    Empty if no call is found that gives both. Arguments as for `with_argument`.

    Args:
        kinds: Classes of the user's own.
        made: The class that is made.
        values: The two arguments, and what they are.
        most: Of more calls than that it is not known which one is meant.
    """

    def both(node) -> list[Any]:
        return [_node(node, made, name) for name in values]

    def change(text, node):
        first, second = both(node)
        return all_replaced(text, [(first, ast.unparse(second)), (second, ast.unparse(first))])

    def is_meant(node):
        nodes = both(node)
        known = [
            _value(one, made, value) for one, value in zip(nodes, values.values(), strict=True)
        ]
        return known == list(values.values())

    return _with_calls(kinds, made, is_meant, change, most)


def _value(node, made, otherwise):
    """What an expression stands for, where it is a literal or a name of the file; None if left out.

    Of another expression that is not known.
    """
    if isinstance(node, ast.Name):
        return vars(inspect.getmodule(made)).get(node.id, otherwise)  # pyright: ignore[reportArgumentType]
    try:
        return None if node is None else ast.literal_eval(node)
    except ValueError:
        return otherwise


def _with_calls(kinds, made, is_meant, change, most):
    """The diff of the first file, or source, that has calls which are meant, with all of them."""
    sources = [found for kind in kinds if (found := source_of(kind)) is not None]
    parts = [(whole, path, first, first + len(lines)) for lines, first, path, whole in sources]
    parts += [(whole, path, 1, len(whole) + 1) for _, _, path, whole in sources]
    for whole, path, first, last in parts:
        text = "".join(whole)
        calls = [
            node
            for node in _nodes(text)
            if isinstance(node, ast.Call)
            and first <= node.lineno < last
            and ast.unparse(node.func).split(".")[-1] == made.__name__
            and is_meant(node)
        ]
        if 0 < len(calls) <= most:
            for node in sorted(calls, key=end_of, reverse=True):
                text = change(text, node)
            file, after = Path(path).name, text.splitlines(keepends=True)
            return "".join(difflib.unified_diff(whole, after, file, file, n=2))
    return ""


def _nodes(text):
    try:
        return list(ast.walk(ast.parse(text)))
    # A cell of a notebook may hold more than Python.
    except SyntaxError:
        return []


def _has(call, made, name, is_old):
    node = _node(call, made, name)
    try:
        value = _parameters(made)[name].default if node is None else ast.literal_eval(node)
    # No such argument, or no literal.
    except (KeyError, ValueError):
        return False
    return is_old(value)


def _node(call, made, name):
    """The expression of an argument in a call, None where it is left out."""
    named = next((word.value for word in call.keywords if word.arg == name), None)
    place = list(_parameters(made)).index(name) if name in _parameters(made) else len(call.args)
    return call.args[place] if named is None and place < len(call.args) else named


def _parameters(made):
    return inspect.signature(made).parameters


def _changed(text, call, made, name, new):
    node = _node(call, made, name)
    if node is not None:
        return replaced(text, node, repr(new))
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    last, end = end_of(call)
    before = b"".join([*lines[: last - 1], lines[last - 1][: end - 1]]).decode()
    after = b"".join([lines[last - 1][end - 1 :], *lines[last:]]).decode()
    comma = {"(": "", ",": " "}.get(before.rstrip()[-1], ", ")
    return f"{before}{comma}{name}={new!r}{after}"
