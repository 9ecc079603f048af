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
    try:
        tree = ast.parse(path.read_bytes())
    # A null in the text is a ValueError in older Pythons.
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    made = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    names = [node.name for node in made if not _needed(node.args)]
    return [name for name in dict.fromkeys(names) if name[0] != "_" and name != BATCH_MAKER]


def _needed(arguments):
    """Whether there is an argument without a default."""
    free = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    return free > 0 or None in arguments.kw_defaults
