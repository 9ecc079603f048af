"""What Keras itself accepts as a constraint, as a set."""

import difflib
from typing import Any

import keras

from constrainit import _checks
from constrainit._set import ConstraintSet
from constrainit._signatures import explaining
from constrainit.sets.custom import Custom
from constrainit.sets.elementwise import NonNegative
from constrainit.sets.norms import MaxNorm, NormRange, UnitNorm


@explaining
def as_set(x: Any) -> ConstraintSet:
    """Anything that Keras accepts as a constraint, as a `ConstraintSet`.

    Args:
        x: A set (returned as it is); a name that `keras.constraints.get` knows, such as
            `"non_neg"`; a constraint of Keras, which becomes its exact counterpart, with the same
            axis (`describe()` says so); or any callable, which becomes a `Custom` set.

    Raises:
        ValueError: `x` is none of these, or a `Constraint` subclass without `__call__`, which
            Keras would accept and never run.

    >>> import constrainit as ci
    >>> ci.as_set("non_neg").describe()
    'every weight at least 0 (exact counterpart of keras.constraints.NonNeg)'
    """
    return set_of("as_set", "x", x)


def set_of(owner: str, name: str, x: Any) -> ConstraintSet:
    """`as_set(x)` for an argument of a function or class.

    Raises:
        ValueError: `x` is no constraint; the message names the argument that the user gave.
    """
    if isinstance(x, ConstraintSet):
        return x
    must = "be a set, a constraint of Keras or its name, or a callable"
    if isinstance(x, str):
        try:
            x = keras.constraints.get(x)
        except ValueError as unknown:
            names = "The names of Keras are 'non_neg', 'max_norm', 'unit_norm' and 'min_max_norm'."
            raise _checks.fail(owner, name, must, x, f"{names}{_hint(x)}") from unknown
    if getattr(x, "of_several", False):
        instead = "Put the sets inside of `Joint`."
        raise _checks.fail(owner, name, "be a set of single weights", x, instead)
    if isinstance(x, type) or not callable(x) or _is_something_else(x):
        raise _checks.fail(owner, name, must, x, _hint(x).strip())
    return _counterpart(x) or Custom(x)


_OTHERS = (keras.regularizers.Regularizer, keras.initializers.Initializer, keras.Loss)


def _is_something_else(x):
    """Whether what can be called is another part of Keras, which makes no weight of a weight."""
    layer = isinstance(x, keras.layers.Layer) and (not x.built or bool(x.variables))
    return layer or isinstance(x, _OTHERS)


def _hint(x: Any) -> str:
    """What to write instead, where that can be guessed."""
    if isinstance(x, type):
        return f" Write {x.__name__}(...)."
    if isinstance(x, (list, tuple)) and x and all(isinstance(one, ConstraintSet) for one in x):
        return f" For a weight in all of them write {' & '.join(map(repr, x))}."
    if not isinstance(x, str):
        return ""
    names = {kind.__name__.lower(): kind.__name__ for kind in subclasses(ConstraintSet)}
    near = difflib.get_close_matches(x.lower().replace("_", ""), names, n=1)
    if near:
        return f" Write the set itself, {names[near[0]]}(...)."
    return " The sets themselves are listed by `constrainit sets`."


def subclasses(kind: type) -> list[type]:
    """The public classes below a class."""
    below = [each for one in kind.__subclasses__() for each in (one, *subclasses(one))]
    return [one for one in below if not one.__name__.startswith("_")]


def _counterpart(x: Any) -> ConstraintSet | None:
    """The set that a constraint of Keras means to project onto; None for a user's own."""
    # By exact type: a subclass may do something else.
    exact = None
    if type(x) is keras.constraints.NonNeg:
        exact = NonNegative()
    elif type(x) is keras.constraints.MaxNorm:
        exact = MaxNorm(x.max_value, axis=_plain(x.axis))
    elif type(x) is keras.constraints.UnitNorm:
        exact = UnitNorm(axis=_plain(x.axis))
    # Of a rate of 0, which moves nothing, or above 1, which overshoots, only its moves are known.
    elif type(x) is keras.constraints.MinMaxNorm and 0 < x.rate <= 1:
        # No norm is below zero, where a lower bound is sometimes set that is meant for entries.
        exact = NormRange(max(0.0, x.min_value), x.max_value, axis=_plain(x.axis))
    if exact is None:
        return None
    exact.counterpart_of = f"keras.constraints.{type(x).__name__}"
    return exact if getattr(x, "rate", 1) == 1 else _relaxed(exact, x.rate)


def _relaxed(a_set: ConstraintSet, rate: float) -> ConstraintSet:
    # Imported here, as `Relaxed` takes what `as_set` does.
    from constrainit.sets.paced import Relaxed

    return Relaxed(a_set, rate)


def _plain(axis: Any) -> Any:
    return list(axis) if isinstance(axis, (list, tuple)) else axis
