"""Constants of a constraint, such as masks, that do not fit the weight it acts on."""

import ast
import inspect
import math
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from constrainit._gates import gates_of
from constrainit.doctor._code import function_of
from constrainit.doctor._frames import Source
from constrainit.model import WeightRecord
from constrainit.sets.custom import users_own

_MOST = 100_000
"""Lists with more entries are not looked into."""


class Constant(NamedTuple):
    """A constant of a constraint.

    Attributes:
        name: How the source of the constraint writes it, such as `self.mask`.
        shape: Its shape.
        listed: Whether it is a list, and no array or tensor.
        turned: What it is the transpose of, where the source writes it so.
        place: The line of its file that makes it, where it is a name of the module.
    """

    name: str
    shape: tuple[int, ...]
    listed: bool = False
    turned: str = ""
    place: str = ""


def misfits(record: WeightRecord, given: tuple[int, ...] | None = None) -> list[Constant]:
    """The constants of a constraint of the user's own that a weight can not be computed with.

    Those are attributes of its object, and what its code takes from around it.

    Args:
        record: The weight.
        given: The shape that the constraint gives, if it is not that of the weight: such constants
            are looked for that make it of the weight's.
    """
    return [
        one
        for one in constants_in_use(record.constraint)
        if one.shape
        and 0 not in one.shape
        and not _fits(one.shape, record.shape)
        and (given is None or _together(one.shape, record.shape) == given)
    ]


def constants_in_use(constraint: Any) -> list[Constant]:
    """The constants of a constraint of the user's own, as its code takes them."""
    code = [function_of(function) for function in functions_of(constraint)]
    return _written(_constants(constraint), [tree for tree in code if tree is not None])


def _together(shape, other):
    """The shape of two tensors together, or None."""
    try:
        return np.broadcast_shapes(shape, other)
    except ValueError:
        return None


def functions_of(constraint):
    """The functions that hold the code of a constraint of the user's own."""
    constraint = users_own(constraint)
    if inspect.isfunction(constraint):
        return [constraint]
    own = [k for k in type(constraint).__mro__ if k.__module__.split(".")[0] != "keras"]
    return [f for kind in own for f in vars(kind).values() if inspect.isfunction(f)]


def _constants(constraint):
    """The constants of a constraint, by the names that its source has for them."""
    constraint = users_own(constraint)
    held = {} if inspect.isfunction(constraint) else vars(constraint)
    found = {f"self.{name}": Constant(f"self.{name}", *_of(v)) for name, v in held.items()}
    for function in functions_of(constraint):
        around = inspect.getclosurevars(function)
        for name, value in around.nonlocals.items():
            found[name] = Constant(name, *_of(value))
        for name, value in around.globals.items():
            shape, listed = _of(value)
            place = _place(function, name) if shape else ""
            found[name] = Constant(name, shape, listed, place=place)
    return found


def _of(value):
    return _shape(value), isinstance(value, (list, tuple))


def _place(function, name):
    """The file and the line of a module that give a name its value; empty if none does so."""
    try:
        file = inspect.getsourcefile(function) or ""
        body = ast.parse(Path(file).read_text("utf-8")).body
    # What is made in a session has no file.
    except (OSError, TypeError, ValueError, SyntaxError):
        return ""
    lines = [
        node.lineno
        for node in body
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and name in _stored(node)
    ]
    return Source(file, lines[-1], "", "").place if lines else ""


def _stored(node):
    """The names that a statement gives a value."""
    nodes = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    return {n.id for n in nodes if isinstance(n.ctx, ast.Store)}


def _written(constants, trees):
    """The constants as code takes them: some by their transpose, and by nothing else."""
    nodes: list[Any] = [node for tree in trees for node in ast.walk(tree)]
    turned = [(node, inner) for node in nodes if (inner := _turned(node)) in constants]
    within = {id(inner) for node, _ in turned for inner in ast.walk(node)}
    plain = {ast.unparse(n) for n in nodes if id(n) not in within and _is_named(n)}
    made = [
        constants[inner]._replace(
            name=ast.unparse(node), shape=constants[inner].shape[::-1], turned=inner
        )
        for node, inner in turned
    ]
    only_turned = {inner for _, inner in turned} - plain
    return [one for name, one in constants.items() if name not in only_turned] + made


def _is_named(node):
    return isinstance(node, (ast.Name, ast.Attribute))


def _turned(node):
    """What an expression is the transpose of, or None."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return ast.unparse(node.value)
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        called = ast.unparse(node.func).rpartition(".")[2]
        return ast.unparse(node.args[0]) if called == "transpose" else None
    return None


def _shape(value):
    """The shape of an array, a tensor, or a list of numbers; empty for all else."""
    if isinstance(value, (list, tuple)):
        if math.prod(_sizes(value)) > _MOST:
            return ()
        try:
            return np.asarray(value, "float64").shape
        # A list of anything but numbers, or of lists of several lengths.
        except (TypeError, ValueError):
            return ()
    is_array = isinstance(value, (np.ndarray, keras.Variable)) or keras.ops.is_tensor(value)
    return tuple(value.shape) if is_array else ()


def _sizes(value):
    """The lengths of a list and of the first lists in it."""
    while isinstance(value, (list, tuple)) and value:
        yield len(value)
        value = value[0]


def _fits(shape, target):
    pairs = zip(reversed(shape), reversed(target), strict=False)
    return len(shape) <= len(target) and all(a in (1, b) for a, b in pairs)


def fitted(record: WeightRecord, constant: Constant) -> tuple[str, str] | None:
    """How a constant is to be laid out to fit a weight: in words, and as an expression.

    None where no layout of the weight tells.
    """
    name, shape, listed = constant[:3]
    if constant.turned and _fits(shape[::-1], record.shape):
        return "turned back", constant.turned
    name = f"keras.ops.array({name})" if listed else name
    target, gates = record.shape, gates_of(record.layer)
    if gates > 1 and _fits((*shape[:-1], shape[-1] * gates), target):
        times: Any = (*(1,) * (len(shape) - 1), gates)
        return f"repeated for each of the {gates} gates", f"keras.ops.tile({name}, {times})"
    if len(shape) == 2 and shape[::-1] == target:
        return "turned", f"keras.ops.transpose({name})"
    if _is_merged(shape, target):
        return "with an axis for the heads", f"keras.ops.reshape({name}, {target})"
    if len(shape) == 1 and target.count(shape[0]) == 1:
        along = target.index(shape[0])
        alone = tuple(n if axis == along else 1 for axis, n in enumerate(target))
        return f"along axis {along}", f"keras.ops.reshape({name}, {alone})"
    return None


def _is_merged(shape, target):
    """Whether a matrix has the entries of a weight of three axes, two of them as one."""
    if len(shape) != 2 or len(target) != 3:
        return False
    a, b, c = target
    return shape in ((a * b, c), (a, b * c))
