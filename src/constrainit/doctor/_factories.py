"""Which functions of a file may make a model, read from its text."""

import ast
from pathlib import Path

BATCH_MAKER = "make_batch"
"""The function of a file that gives the batch."""


def factories(path: Path) -> list[str]:
    """The names of the functions of a file that can be called without arguments.

    Those whose names begin with an underscore are left out, and the one that gives the batch. A
    file that can not be read has none; why, is told when it is run.
    """
    made = [node for node in _statements(path) if isinstance(node, ast.FunctionDef)]
    return _public([node.name for node in made if not _needed(node.args)])


def models(path: Path) -> list[str]:
    """The names in a file that what is called a model is assigned to, outside of functions."""
    made = [node for node in _statements(path) if isinstance(node, ast.Assign)]
    return _public([
        target.id
        for node in made
        for target in node.targets
        if isinstance(target, ast.Name) and _makes_a_model(node.value)
    ])  # fmt: skip


def _makes_a_model(value):
    called = ast.unparse(value.func) if isinstance(value, ast.Call) else ""
    return called.rpartition(".")[2] in ("Sequential", "Model", "load_model", "clone_model")


def _public(names):
    return [name for name in dict.fromkeys(names) if name[0] != "_" and name != BATCH_MAKER]


def _statements(path):
    try:
        return ast.parse(path.read_bytes()).body
    # A null in the text is a ValueError in older Pythons.
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _needed(arguments):
    """Whether there is an argument without a default."""
    free = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    return free > 0 or None in arguments.kw_defaults
