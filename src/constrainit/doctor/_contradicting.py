"""Constraints of the user's own whose rules no weight obeys: bounds, and a sum beyond them."""

import ast
import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from constrainit.doctor._code import function_of
from constrainit.doctor._constraint_calls import called
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._misfits import functions_of
from constrainit.doctor.treatments._candidates import axes_of, shortest
from constrainit.model import WeightRecord
from constrainit.sets.custom import users_own

_SIZES = (0.03, 1.0, 30.0)
_ALIKE = 1e-3
_MARGIN = 1.01
_MOST = 1_000_000

_ENDS = {
    **dict.fromkeys(("clip", "clamp", "clip_by_value"), (1, 2)),
    "minimum": (None, 1),
    "maximum": (1, None),
}
"""Where calls have the least and the largest number that they leave."""

_ENTRY_BY_ENTRY = {*_ENDS, "abs", "relu", "cast", "convert_to_tensor", "where"}
"""What has an entry for each that it is given."""

_OF_LOGITS = ("exp", "softmax", "log_softmax", "logsumexp", "sigmoid", "softplus")
_OF_NORMS = ("norm", "square", "sqrt", "rsqrt")


class Contradiction(NamedTuple):
    """A bound of each entry, and a sum, or norm, that as many such entries do not have.

    Attributes:
        call: How the code writes what bounds each entry.
        bound: The bound.
        name: The attribute that it is; empty for another expression.
        is_cap: Whether it is the largest number.
        count: How many entries share the sum.
        total: The sum, or norm.
        power: 2 for a norm, else 1.
        axis: Along which axes it is.
    """

    call: str
    bound: float
    name: str
    is_cap: bool
    count: int
    total: float
    power: int
    axis: tuple[int, ...]

    @property
    def reached(self) -> float:
        """The sum, or norm, of entries that are all at the bound."""
        return float(self.count ** (1 / self.power) * self.bound)

    @property
    def equal(self) -> float:
        """What entries are that share the sum, or norm, equally."""
        return float(self.total / self.count ** (1 / self.power))


def note_contradictions(evidence: Evidence) -> None:
    """Fills in what contradicts one another in the constraints of the user's own."""
    for made in evidence.constraints:
        if made.custom and made.fault is None and made.image is not None:
            made.contradicts = contradiction(made.record)


def contradiction(record: WeightRecord) -> Contradiction | None:
    """What contradicts one another in a constraint of the user's own; None if nothing was found.

    Whatever it is given, it gives one sum, or norm, along some axes; and its code bounds each entry
    so that as many of them never come to it, or always go beyond.

    Args:
        record: The weight.
    """
    bounds = list(_bounds(record.constraint)) if np.prod(record.shape) <= _MOST else []
    images = list(_images(record)) if bounds else []
    if len(images) < len(_SIZES):
        return None
    given = np.stack(images)
    called_in = set(_names(record.constraint))
    powers = (2, 1) if called_in & set(_OF_NORMS) else (1, 2)
    for axis in axes_of(record):
        along, count = tuple(one + 1 for one in axis), int(np.prod([record.shape[a] for a in axis]))
        for power in powers:
            sums = (np.abs(given) ** power).sum(axis=along) ** (1 / power)
            total = float(np.median(sums))
            if not total > 0 or np.ptp(sums) > _ALIKE * total:
                continue
            for call, bound, name, is_cap in bounds:
                found = Contradiction(
                    call, bound, name, is_cap, count, shortest(total), power, tuple(axis)
                )
                if _is_broken(found, given, along):
                    return found
    return None


def _is_broken(found, given, along):
    """Whether equal entries are beyond the bound already, and what was given always is."""
    if found.is_cap:
        return found.equal > _MARGIN * found.bound > 0 and bool(
            (given.max(axis=along) > found.bound).all()
        )
    beyond = bool((np.abs(given).min(axis=along) < found.bound).all())
    return 0 < _MARGIN * found.equal < found.bound and beyond


def _images(record):
    """What a constraint makes of positive weights of several sizes."""
    draws = np.random.default_rng(0)
    for size in _SIZES:
        image = called(record, size * draws.uniform(0.2, 1.8, size=record.shape))
        if image is not None:
            yield image.astype("float64")


def _bounds(constraint: Any) -> Iterator[tuple[str, float, str, bool]]:
    """The numbers that the code of a constraint keeps entries between: call, number, name, cap.

    None of a constraint that takes exponentials: it may bound what these are taken of.
    """
    if set(_names(constraint)) & set(_OF_LOGITS):
        return
    for function, node in _calls(constraint):
        name = ast.unparse(node.func).rpartition(".")[2]
        if not _is_of_entries(node, function):
            continue
        for place, is_cap in zip(_ENDS.get(name, ()), (False, True), strict=False):
            words = [
                w.value for w in node.keywords if (w.arg or "").endswith(("min", "max")[is_cap])
            ]
            given = words or ([] if place is None else node.args[place : place + 1])
            number = _number(given[0], function, constraint) if given else None
            if number is not None:
                own = given[0]
                held = isinstance(own, ast.Attribute) and ast.unparse(own.value) == "self"
                yield ast.unparse(node), number, own.attr if held else "", is_cap


def _is_of_entries(node, function):
    """Whether what a call bounds is the weight, or made of it entry by entry; a norm is not."""
    tree, given = function_of(function), node.args[0] if node.args else None
    if tree is None or not isinstance(given, ast.Name):
        return False
    names = [one.arg for one in tree.args.args if one.arg != "self"][:1]
    made = [
        one.value
        for one in ast.walk(tree)
        if isinstance(one, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == given.id for t in one.targets)
    ]
    called = {
        ast.unparse(call.func).rpartition(".")[2]
        for value in made
        for call in ast.walk(value)
        if isinstance(call, ast.Call)
    }
    return given.id in names or (bool(made) and called <= _ENTRY_BY_ENTRY)


def _number(node, function, constraint):
    """What an expression of the code stands for, where that is a number; else None."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        text, around = ast.unparse(node), inspect.getclosurevars(function)
        own = {f"self.{n}": v for n, v in getattr(users_own(constraint), "__dict__", {}).items()}
        value = {**around.globals, **around.nonlocals, **own}.get(text)
    if not isinstance(value, (int, float, np.floating)) or isinstance(value, bool):
        return None
    return float(value) if np.isfinite(float(value)) else None


def _calls(constraint) -> Iterator[tuple[Any, Any]]:
    for function in functions_of(constraint):
        tree = function_of(function)
        for node in [] if tree is None else ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name)):
                yield function, node


def _names(constraint):
    """The names of what the code of a constraint calls, without their modules."""
    return [ast.unparse(node.func).rpartition(".")[2] for _, node in _calls(constraint)]
