"""Products of one factor for each step of a recursion, of which a logarithm is taken."""

import ast
import linecache
from dataclasses import dataclass
from typing import Any

from constrainit.doctor._frames import Source

LOGS = ("log", "log2", "log10")
_WHOLE = ("prod", "cumprod")
_SCANS = ("scan", "fori_loop", "while_loop", "rnn", "associative_scan")
_LINEAR = ("matmul", "dot", "einsum", "multiply", "sum", "reshape", "expand_dims", "squeeze")
_TIMES = ("matmul", "dot", "einsum", "multiply")
_NORMALIZES = ("softmax", "normalize", "log_softmax", "logsumexp")


@dataclass(frozen=True)
class Product:
    """A product of many factors, as it is written.

    Attributes:
        function: Where its logarithm is taken.
        log: The call that takes it.
        name: What each step multiplies; empty where it is no name.
        loop: The loop of steps, or None.
        scan: The assignment of a scan, or None.
        step: The function that it calls.
    """

    function: ast.FunctionDef
    log: ast.Call
    name: str = ""
    loop: Any = None
    scan: Any = None
    step: Any = None


def product_of(source: Source | None) -> Product | None:
    """The product whose logarithm a line takes; None if it takes none, or of something else."""
    if source is None:
        return None
    try:
        tree = ast.parse("".join(linecache.getlines(source.file)))
    except SyntaxError:
        return None
    return product_at(tree, source.line)


def product_at(tree: Any, line: int) -> Product | None:
    """The same in a piece of code, where the line has a number."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and _has(n, line)]
    if not functions:
        return None
    function = max(functions, key=lambda one: one.lineno)
    for log in [n for n in ast.walk(function) if named(n) in LOGS and _has(n, line)]:
        behind = _behind(function, log)
        for node in ast.walk(function):
            found = _by_steps(node, function, log, behind)
            if found is not None:
                return found
    return None


def _has(node, line):
    return node.lineno <= line <= node.end_lineno


def named(node: Any) -> str:
    """The function or method that a node calls, without its module; empty if it is no call."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", "") or getattr(node.func, "id", "")


def _behind(function, log):
    """The names that a logarithm is taken of, or of what is made of them."""
    names, before = {n.id for n in ast.walk(log.args[0]) if isinstance(n, ast.Name)}, -1
    while before != len(names):
        before = len(names)
        for node in ast.walk(function):
            if isinstance(node, (ast.Assign, ast.AugAssign)) and names & _targets(node):
                names |= {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
    return names


def _targets(node):
    given = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {n.id for one in given for n in ast.walk(one) if isinstance(n, ast.Name)}


def _by_steps(node, function, log, behind):
    """The product that a part of a function makes by many steps, before its logarithm."""
    if isinstance(node, ast.For) and not _has(node, log.lineno):
        names = [name for name in sorted(behind) if _multiplies(node, name)]
        return Product(function, log, names[0], loop=node) if names else None
    if not isinstance(node, ast.Assign) or not behind & _targets(node):
        return None
    if named(node.value) in _WHOLE:
        return Product(function, log)
    if named(node.value) not in _SCANS:
        return None
    call: Any = node.value
    given = {one.id for one in call.args if isinstance(one, ast.Name)}
    for step in [n for n in ast.walk(function) if isinstance(n, ast.FunctionDef)]:
        names = [one.arg for one in step.args.args if _multiplies(step, one.arg)]
        if step.name in given and names:
            return Product(function, log, names[0], scan=node, step=step)
    return None


def _multiplies(part, name):
    """Whether each step multiplies what has a name by something else, and does nothing besides."""
    nodes = list(ast.walk(part))
    divides = any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div) for n in nodes)
    if divides or any(named(n) in _NORMALIZES for n in nodes):
        return False
    made = [n for n in nodes if isinstance(n, (ast.Assign, ast.AugAssign)) and name in _targets(n)]
    return bool(made) and all(_is_multiple(node, name) for node in made)


def _is_multiple(node, name):
    if isinstance(node, ast.AugAssign):
        return isinstance(node.op, ast.Mult) and not _names(node.value, name)
    times = any(
        named(n) in _TIMES
        or (isinstance(n, ast.BinOp) and isinstance(n.op, (ast.Mult, ast.MatMult)))
        for n in ast.walk(node.value)
    )
    return times and len(node.targets) == 1 and _is_linear(node.value, name)


def _is_linear(node: Any, name: str) -> bool:
    """Whether an expression is so many times as large where what has a name is."""
    if isinstance(node, ast.Name):
        return node.id == name
    parts: list[Any]
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.MatMult)):
        parts = [node.left, node.right]
    elif isinstance(node, ast.Call) and named(node) in _LINEAR:
        parts = list(node.args)
    elif isinstance(node, ast.Subscript):
        parts = [node.value, node.slice]
    else:
        return False
    own = [part for part in parts if _names(part, name)]
    return len(own) == 1 and _is_linear(own[0], name)


def keeps_rows(part: Any, name: str) -> bool:
    """Whether no step of a recursion mixes the rows of what it multiplies: each may be scaled."""
    made = [
        n for n in ast.walk(part)
        if isinstance(n, (ast.Assign, ast.AugAssign)) and name in _targets(n)
    ]  # fmt: skip
    return all(isinstance(n, ast.AugAssign) or _is_by_row(n.value, name) for n in made)


def _is_by_row(node, name):
    if isinstance(node, ast.Name):
        return True
    if isinstance(node, ast.BinOp):
        left, right, either = node.left, node.right, isinstance(node.op, ast.Mult)
    elif named(node) in ("matmul", "dot", "multiply") and len(node.args) == 2:
        [left, right], either = node.args, named(node) == "multiply"
    else:
        return False
    if _names(left, name):
        return _is_by_row(left, name)
    return either and _is_by_row(right, name)


def _names(node, name):
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))
