"""A constraint of the user's own made anew: what one object keeps of the first of its weights."""

import copy
import functools
import inspect
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np

from constrainit._gates import gates_of
from constrainit._signatures import NAMED
from constrainit.doctor._blocks import distance
from constrainit.doctor._constraint_doubts import NOTICEABLE
from constrainit.doctor._misfits import Constant
from constrainit.doctor._set_code import name_of
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord
from constrainit.sets import Blocks

if TYPE_CHECKING:
    from constrainit.doctor._evidence import ConstraintEvidence


class Shared(NamedTuple):
    """What an object that is the constraint of several weights keeps of the first of them.

    Attributes:
        name: How the source of the constraint writes it, such as `self.mask`.
        first: The path of the first weight.
        paths: Those of all its weights.
        arguments: What an object of its own is made with, for the weight at hand.
        apart: How far what the constraint gives is from what an object of its own gives, relative
            to the norm of the weight; None if it raises or gives another shape.
    """

    name: str
    first: str
    paths: tuple[str, ...]
    arguments: dict[str, Any]
    apart: float | None = None


def note_own_copies(constraints: Sequence["ConstraintEvidence"]) -> None:
    """Notes which constraints need an object for each weight, and which one for each gate.

    A constraint of the user's own is made anew with what it was made with, and called. To blame is
    that it is shared only if the new one does what this one does for its first weight, and works
    for the others.
    """
    groups: dict[int, list[ConstraintEvidence]] = {}
    for made in constraints:
        if made.custom and made.overrides:
            groups.setdefault(id(made.record.constraint), []).append(made)
            made.gates = _gates(made)
    for first, *others in groups.values():
        paths = tuple(made.record.path for made in (first, *others))
        if _fails(first) or first.changes:
            continue
        for made in others:
            if _fails(made) or not made.changes:
                made.shared = _shared(first, made, paths)


def _fails(made):
    return made.fault is not None or made.shape != made.record.shape


def _shared(first, made, paths):
    """What is kept of another weight, where that is what makes the difference."""
    constraint = _as_used(first)
    for arguments in _arguments(made.record.constraint):
        unused, other, blank = (_anew(constraint, arguments) for _ in range(3))
        kept = [] if unused is None else _kept(constraint, unused)
        own = _image(unused, made.record) if kept else None
        if own is None or not _alike(first.record, other):
            continue
        if _fails(made):
            shape = getattr(getattr(constraint, kept[0]), "shape", None)
            if not made.misfits and shape:
                made.misfits = [Constant(f"self.{kept[0]}", tuple(shape))]
            fitting = [one.name.removeprefix("self.") for one in made.misfits]
            name = next((name for name in fitting if name in kept), kept[0])
            return Shared(f"self.{name}", paths[0], paths, arguments)
        image = _image(constraint, made.record)
        # A number may be one that counts calls.
        held, before = _held(constraint), _held(blank)
        lazy = [name for name in kept if before.get(name) is None and _is_array(held[name])]
        if image is not None and lazy:
            apart = distance(image, own)
            if apart > NOTICEABLE:
                return Shared(f"self.{lazy[0]}", paths[0], paths, arguments, apart)
    return None


def _as_used(first):
    """A constraint with what it keeps of its first weight.

    What belongs to a trace is put back once that is over: a copy is called again then.
    """
    constraint = first.record.constraint
    if first.kept is None:
        return constraint
    used = copy.copy(constraint)
    _image(used, first.record)
    return used


def _anew(constraint, arguments):
    try:
        return type(constraint)(**arguments)
    # A constructor of the user's own may take other things than it keeps.
    except Exception:
        return None


def _held(constraint):
    """The attributes of an object; one whose class has slots has none by name."""
    return getattr(constraint, "__dict__", {})


def _arguments(constraint) -> Iterator[dict[str, Any]]:
    """What it may have been made with: by its attributes and its config, then by fewer of them.

    An argument that is None unless given may be where it keeps what it has made since.
    """
    if inspect.isfunction(constraint):
        return
    try:
        parameters = inspect.signature(type(constraint)).parameters.values()
    # Some classes of Python have none, such as that of `functools.partial`.
    except (TypeError, ValueError):
        return
    try:
        config = dict(constraint.get_config())
    # A user's `get_config` may raise anything; one that is no class of Keras' has none.
    except Exception:
        config = {}
    held, given, fewer = {**config, **_held(constraint)}, {}, {}
    for one in parameters:
        if one.kind not in NAMED:
            continue
        if one.name in held:
            given[one.name] = held[one.name]
        elif one.default is one.empty:
            return
        if one.name in given and one.default is not None:
            fewer[one.name] = given[one.name]
    yield given
    if fewer != given:
        yield fewer


def _kept(constraint, unused):
    """The attributes that its use has given it, arrays first."""
    before, now = _held(unused), _held(constraint)
    names = [name for name in now if not _is_same(now[name], before.get(name))]
    return sorted(names, key=lambda name: not _is_array(now[name]))


def _is_array(value):
    return isinstance(value, np.ndarray) or keras.ops.is_tensor(value)


def _is_same(one, other):
    if one is other:
        return True
    try:
        return type(one) is type(other) and np.array_equal(to_numpy(one), to_numpy(other))
    # What is no array, and not the same object, may be another.
    except Exception:
        return False


def _alike(record, other):
    """Whether another constraint gives a weight the same as its own does."""
    image, own = (_image(one, record) for one in (record.constraint, other))
    return image is not None and own is not None and np.allclose(image, own, 1e-5, 1e-6)


def _image(constraint, record):
    """What a constraint makes of a weight, None if it raises, is not finite or does not fit."""
    try:
        found = to_numpy(constraint(keras.Variable(record.variable.value, dtype=record.dtype)))
    # What it is asked is whether it does.
    except Exception:
        return None
    return found if found.shape == record.shape and np.isfinite(found).all() else None


def _gates(made):
    """The gates that a weight holds, where a constraint fails for all and works for each."""
    gates = gates_of(made.record.layer)
    if gates == 1 or not _fails(made):
        return 0
    return gates if _image(Blocks(made.record.constraint, gates), made.record) is not None else 0


def as_made(constraint: Any, arguments: dict[str, Any] | None = None) -> str:
    """A constraint of the user's own as it is written, where it is used.

    Args:
        constraint: An object or a function.
        arguments: What it is made with; by its attributes and its config if not given.
    """
    if inspect.isfunction(constraint):
        return constraint.__name__ if constraint.__name__.isidentifier() else "..."
    if isinstance(constraint, functools.partial):
        words = [f"{name}={_short(value)}" for name, value in constraint.keywords.items()]
        given = [_named(constraint.func), *map(_short, constraint.args), *words]
        return f"functools.partial({', '.join(given)})"
    kind = type(constraint)
    name = name_of(kind)
    given = next(_arguments(constraint), None) if arguments is None else arguments
    if given is None:
        return f"{name}(...)"
    defaults = {n: one.default for n, one in inspect.signature(kind).parameters.items()}
    shown = [f"{n}={_short(v)}" for n, v in given.items() if not _is_same(v, defaults[n])]
    return f"{name}({', '.join(shown)})"


def _named(function):
    name = getattr(function, "__name__", "")
    return name if name.isidentifier() else "..."


def _short(value):
    """A plain value as it is written."""
    text = repr(value)
    plain = isinstance(value, (bool, int, float, str, list, tuple)) and len(text) < 60
    return text if plain else "..."


def argument_of(record: WeightRecord) -> str:
    """The argument of its layer that a constraint is given as, or `constraint`."""
    name = f"{record.argument}_constraint"
    return name if hasattr(record.layer, name) else "constraint"
