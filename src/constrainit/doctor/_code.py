"""The source of the user's own classes and functions, parsed."""

import ast
import inspect
import linecache
import textwrap
from dataclasses import dataclass
from typing import Any

from constrainit.doctor._frames import Source


@dataclass(frozen=True)
class Code:
    """The source of a class, a function or a lambda.

    Attributes:
        tree: What it defines.
        lines: Its lines, with the decorators.
        first: The number of the first of them in its file.
        file: The path of that.
    """

    tree: ast.ClassDef | ast.FunctionDef | ast.Lambda
    lines: list[str]
    first: int
    file: str

    @property
    def nodes(self) -> list[Any]:
        """All parts of it, from the outside in."""
        return list(ast.walk(self.tree))

    def line_at(self, node: Any, function: str) -> Source:
        """Where a part of it stands.

        Args:
            node: The part.
            function: The name of the function that this is in.
        """
        text = self.lines[node.lineno - 1].strip()
        return Source(self.file, self.first + node.lineno - 1, function, text)


def code_of(one: Any) -> Code | None:
    """The source of a class or function; None where there is none to read, as in a session."""
    try:
        lines, first = inspect.getsourcelines(one)
        file = inspect.getsourcefile(one) or ""
        [tree] = ast.parse(textwrap.dedent("".join(lines))).body
    # What is made in a session, and a lambda amid an expression.
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    defines = isinstance(tree, (ast.ClassDef, ast.FunctionDef))
    return Code(tree, lines, first, file) if defines else None


def lambda_of(one: Any) -> Code | None:
    """The source of a lambda, wherever it is written; None where there is none to read."""
    try:
        file = inspect.getsourcefile(one) or ""
        lines = linecache.getlines(file)
        tree = ast.parse("".join(lines))
    # What is made in a session.
    except (TypeError, SyntaxError, ValueError):
        return None
    # Several may begin on a line: where the body lies is known of what it was compiled to.
    places = {place for place in one.__code__.co_positions() if None not in place}
    found = [
        node for node in ast.walk(tree)
        if isinstance(node, ast.Lambda) and _place(node.body) in places
    ]  # fmt: skip
    return Code(found[0], lines, 1, file) if len(found) == 1 else None


def _place(node):
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


def function_of(one: Any) -> ast.FunctionDef | None:
    """The tree of a function that is written with `def`, None of anything else."""
    code = code_of(one)
    return code.tree if code is not None and isinstance(code.tree, ast.FunctionDef) else None


def called_of(text: str) -> tuple[Any, Any]:
    """What is called with a weight: `__call__` of a class, or a function; and the first of both."""
    functions = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef)]
    method = next((one for one in functions if one.name == "__call__"), None)
    return method or next(iter(functions), None), method


def named_once(tree: ast.AST) -> dict[str, Any]:
    """What each name of a function stands for that is given once."""
    found: dict[str, list[Any]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def of_self(node: Any) -> str:
    """The attribute of `self` that a part of a method is, or an empty string."""
    own = isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self"
    return node.attr if own else ""


EDITED = "_constrainit_edited"
"""The attribute of a layer that holds the edited class that is tried in place of its own."""


def is_of_library(module: str) -> bool:
    """Whether what is of this module is no code of the user's own."""
    return module.split(".")[0] in ("keras", "constrainit", "builtins")


def kind_of_layer(layer: Any) -> Any:
    """The class of a layer, or the edited one that it has the methods of."""
    return vars(layer).get(EDITED, type(layer))


def as_kind(one: Any, kind: Any) -> Any:
    """An object of another class with the attributes of this one."""
    copy = object.__new__(kind)
    vars(copy).update(vars(one))
    return copy
