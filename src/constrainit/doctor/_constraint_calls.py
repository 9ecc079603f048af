"""One constraint by itself, outside of a compiled step: what it is, repeats, and is saved as."""

import contextlib
import copy
import inspect
import json
import math
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from constrainit._signatures import NAMED
from constrainit.doctor._blocks import distance
from constrainit.doctor._constructor import is_plain, is_same
from constrainit.doctor._frames import fault
from constrainit.doctor._statistics import to_numpy
from constrainit.sets import Custom, as_set
from constrainit.sets.combine import _Applied
from constrainit.sets.custom import own_name

_COUNTS = (*range(33), *(n for r in (50, 100, 200, 250, 500, 1000, 10_000) for n in (r - 1, r)))
"""Where a number that a constraint keeps is put, to see whether its results depend on it."""

_FAR = 100.0
"""A weight so many times as large is more likely to be outside of its set."""

NOT_REGISTERED = "can not be loaded, as it is not registered with Keras"
"""What is said of a constraint that a program can load which hands its class over."""

_WARNS_OF_LAMBDA = "The object being serialized includes a `lambda`"
_REFUSES_LAMBDA = "deserialization of a Python lambda"
"""How Keras speaks of a lambda as it is saved, and as it is to be loaded."""


def overrides_call(constraint):
    return type(constraint).__call__ is not keras.constraints.Constraint.__call__


def is_gradual(constraint):
    """Whether it is meant to move its own result: it goes part of the way at each step."""
    try:
        return isinstance(as_set(constraint), _Applied)
    except ValueError:
        return False


def describe(record):
    """The constraint in one line, and whether it is the user's own."""
    try:
        a_set = as_set(record.constraint)
    except ValueError:
        return own_name(record.constraint), True
    if isinstance(a_set, Custom):
        return own_name(record.constraint), True
    return a_set.describe(), False


def known_set(record):
    """The set of a constraint that is one, or an exact counterpart; else None."""
    try:
        a_set = record.resolved(record.constraint)
    except ValueError:
        return None
    return None if isinstance(a_set, Custom) else a_set


def repeat(record, counting=()):
    """How far apart two calls on equal weights are, at an equal count, outside of a compiled step.

    The weight and a large one, which is moved by a bound that may itself move.

    Args:
        record: The weight.
        counting: The attributes that its constraint counts with.
    """
    apart = 0.0
    for value in _near_and_far(record):
        try:
            weights = [keras.Variable(value, dtype=record.dtype) for _ in range(2)]
            images = []
            for weight in weights:
                with counts_held([(record.constraint, counting)]):
                    images.append(to_numpy(record.constraint(weight)))
        # It ran inside the step; that it can not run outside is not what is asked here.
        except Exception:
            return apart
        found = distance(*images)
        apart = apart or (found if math.isfinite(found) else 0.0)
    return apart


def assigned_variables(record):
    """The variables of a constraint's own by which two calls on the same weight differ.

    With all of them put back they do not.
    """
    kept = getattr(record.constraint, "__dict__", {}).items()
    held = {n: (v, to_numpy(v).copy()) for n, v in kept if isinstance(v, keras.Variable)}
    weights = [keras.Variable(record.variable.value, dtype=record.dtype) for _ in range(2)]
    images, changed = [], []
    for weight in weights if held else ():
        images.append(to_numpy(record.constraint(weight)))
        changed = [n for n, (v, start) in held.items() if not np.array_equal(to_numpy(v), start)]
        for variable, start in held.values():
            variable.assign(start)
    return changed if changed and np.array_equal(*images) else []


def _near_and_far(record):
    """The weight, and a large one, which is moved by any bound."""
    value = to_numpy(record.variable)
    peak = np.max(np.abs(value), initial=0.0)
    far = _FAR * max(peak, 1.0) * (value / peak if peak > 0 else np.ones_like(value))
    return record.variable.value, far


def counted(record):
    """The numbers that a constraint keeps, each call changes, and its results depend on.

    What only the first call sets is no count, nor is what it merely notes, as the time of a call.
    """
    seen = []
    try:
        constraint = copy.copy(record.constraint)
        for _ in range(3):
            constraint(keras.Variable(record.variable.value, dtype=record.dtype))
            kept = getattr(constraint, "__dict__", {}).items()
            seen.append({name: v for name, v in kept if isinstance(v, (int, float))})
    # As above; what is copied may refuse it, too.
    except Exception:
        return {}
    names = [n for n in seen[-1] if all(n in one for one in seen)]
    found = {n: [one[n] for one in seen] for n in names if len({one[n] for one in seen}) == 3}
    return {name: values for name, values in found.items() if _matters(record, name, values)}


@contextlib.contextmanager
def counts_held(counting: Iterable[tuple[Any, Iterable[str]]]) -> Iterator[None]:
    """Puts back what constraints count, so that what they give is compared at an equal count.

    Args:
        counting: Constraints, each with the attributes that it counts with.
    """
    held = [(one, name, getattr(one, name)) for one, names in counting for name in names]
    try:
        yield
    finally:
        for constraint, name, value in held:
            setattr(constraint, name, value)


def _matters(record, name, values):
    """Whether what a constraint gives is another for other values of a number that it keeps."""
    for weight in _near_and_far(record):
        first = None
        for value in (*values, *_COUNTS):
            try:
                constraint = copy.copy(record.constraint)
                setattr(constraint, name, type(values[-1])(value))
                image = to_numpy(constraint(keras.Variable(weight, dtype=record.dtype)))
            # One that can not do with such a number depends on it.
            except Exception:
                return True
            first = image if first is None else first
            if not np.array_equal(first, image, equal_nan=True):
                return True
    return False


def called(record, value, constraint=None):
    """What a constraint, that of the weight or another, makes of a value, in no compiled step."""
    try:
        found = to_numpy(
            (constraint or record.constraint)(keras.Variable(value, dtype=record.dtype))
        )
    # It ran inside the step; that it can not run outside is not what is asked here.
    except Exception:
        return None
    return found if found.shape == np.shape(value) and np.isfinite(found).all() else None


def saving_fault(record, incomparable):
    """Why Keras can not give back this constraint from a saved model, or an empty string."""
    try:
        with warnings.catch_warnings():
            # Said by what is found here, once.
            warnings.filterwarnings("ignore", message=_WARNS_OF_LAMBDA)
            written = keras.saving.serialize_keras_object(record.constraint)
        config = json.loads(json.dumps(written))
        again = keras.saving.deserialize_keras_object(config, safe_mode=True)
    # A user's `get_config` and `from_config` may raise anything.
    except Exception as exception:
        if str(exception).startswith("Could not locate"):
            return NOT_REGISTERED
        if _REFUSES_LAMBDA in str(exception):
            return "can not be loaded, as Keras loads no lambda in its safe mode"
        return f"can not be loaded: {fault(exception)}"
    if not callable(again):
        return "can not be loaded: what comes back is not callable"
    pair = record.constraint, again
    alike = incomparable or all(map(np.array_equal, *(_images(record, one) for one in pair)))
    if alike and (incomparable or not _has_lost(*pair)):
        return ""
    return "comes back with other values: its config leaves an argument out"


def _has_lost(constraint, again):
    """Whether an argument that the config leaves out is another one in what comes back."""
    pairs = zip(left_out(constraint).values(), left_out(again).values(), strict=True)
    plain = [two for two in pairs if all(map(is_plain, two)) and None not in two]
    return any(not is_same(*two) for two in plain)


def left_out(constraint):
    """The arguments of a constraint's class that its config lacks, and what they are now."""
    if not isinstance(constraint, keras.constraints.Constraint):
        return {}
    return {name: getattr(constraint, name, None) for name in unsaved_arguments(constraint)}


def unsaved_arguments(owner):
    """The arguments of the class of a constraint or layer that its config lacks."""
    try:
        config = owner.get_config()
    # A user's `get_config` may raise anything, which is found where it is saved.
    except Exception:
        return []
    parameters = inspect.signature(type(owner)).parameters.values()
    return [p.name for p in parameters if p.kind in NAMED and p.name not in config]


def another(constraint, name, value):
    """A constraint of the same kind with another argument, or attribute where it has no config."""
    try:
        config = constraint.get_config()
        if name in config:
            return type(constraint).from_config({**config, name: value})
    # A user's `get_config` may raise anything, or leave out what the class takes.
    except Exception:
        pass
    other = copy.copy(constraint)
    setattr(other, name, value)
    return other


def arguments_of(constraint):
    """What a constraint was made with, by its config; by its attributes where it has none."""
    try:
        config = constraint.get_config()
    # As above; a function has no config.
    except Exception:
        config = {}
    return config or dict(getattr(constraint, "__dict__", {}))


def _images(record, constraint):
    """What a constraint makes of the weight, of larger and smaller ones, and of drawn ones.

    Zeros, and equal entries, many sets leave as they are, whatever their arguments.
    """
    value, images = to_numpy(record.variable), []
    peak = float(np.max(np.abs(value), initial=0.0)) or 1.0
    drawn = (peak * np.random.default_rng(0).normal(size=value.shape)).astype(value.dtype)
    for weight in (value, -_FAR * value, 0.01 * value, drawn, _FAR * drawn):
        try:
            image = to_numpy(constraint(keras.Variable(weight, dtype=record.dtype)))
        # Already reported as a constraint that raises.
        except Exception:
            image = np.zeros(0)
        images.append(np.nan_to_num(image))
    return images
