"""Constraints that were attached after `fit` had compiled its step, which never runs them."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from constrainit.doctor._blocks import distance
from constrainit.doctor._constraint_doubts import NOTICEABLE
from constrainit.doctor._constraints import Constraints
from constrainit.doctor._evidence import ConstraintEvidence
from constrainit.doctor._own_optimizer import inner_of
from constrainit.doctor._own_step import OwnStep, optimizers_of
from constrainit.doctor._problem import Problem
from constrainit.doctor._randomness import undisturbed
from constrainit.doctor._state import attribute, borrowed
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.engines import engine

_SIZES = (32, 64, 128, 256, 16, 8, 512, 100, 10, 20, 50, 4, 2, 1)
"""The numbers of examples that are looked for, beside that of the batch."""

_MOST = 2_000_000
"""No batch of more numbers is made for that."""

_SCALES = (1.0, 10.0, 100.0)
_OUTSIDE = 0.1
"""A weight is outside if its constraint moves it by more than this share of its norm."""


class Late(NamedTuple):
    """A constraint that the step which `fit` has compiled does not run.

    Attributes:
        variable: The weight.
        constraint: The constraint.
        size: The number of examples that the step was compiled for.
        anew: Whether batches of another size are compiled anew.
        left: How far outside such a step leaves a weight, relative to its norm.
    """

    variable: Any
    constraint: Any
    size: int
    anew: bool
    left: float


class _CompilesError(Exception):
    """A step was not compiled for what it is given."""


def late(problem: Problem, constraints: Constraints) -> tuple[Late, ...]:
    """The constraints that the model's compiled step does not run, and one compiled now does.

    Weights are put outside of their sets. A step of what `fit` has compiled leaves them there; the
    same step compiled anew does not. The model is as before then.
    """
    model = problem.model
    step = engine().compiled_step(model) if problem.is_small and _was_fitted(model) else None
    far = [] if step is None else _outside(constraints)
    if not far:
        return ()
    kept = [part for one in optimizers_of(model) for part in (one, inner_of(one))]
    kept += [getattr(model, name, None) for name in ("_compile_metrics", "_compile_loss")]
    with undisturbed(), borrowed(model, [one for one in kept if one is not None]) as put_back:
        try:
            return _late(problem, constraints, step, far, put_back)
        # What raises here raises in the steps that are looked at, too, or is not of this size.
        except Exception:
            return ()


def _was_fitted(model):
    """Whether Keras has compiled a step, or is ready to; callbacks of ours watch constraints."""
    function = getattr(model, "train_function", None)
    ours = type(function).__module__.split(".")[0] == "constrainit"
    return function is not None and not model.run_eagerly and not ours


def _late(problem, constraints, step, far, put_back):
    tries = ((_tried(problem.model, step, d, far, put_back), d, n) for d, n in _batches(problem))
    after, data, size = next((one for one in tries if one[0] is not None), (None, None, 0))
    if after is None:
        return ()
    left = {id(r.variable): _left(constraints, r, after) for r, _ in far}
    if not any(share > _OUTSIDE for share in left.values()):
        return ()
    other = _tried(problem.model, step, _of_size(data, size + 1), far, put_back)
    # What a step that is compiled now leaves outside is not late.
    anew = _compiled_anew(problem.model, data, far, put_back)
    return tuple(
        Late(record.variable, record.constraint, size, other is None, left[id(record.variable)])
        for record, _ in far
        if left[id(record.variable)] > _OUTSIDE and _left(constraints, record, anew) < NOTICEABLE
    )


def _compiled_anew(model, data, far, put_back):
    """The weights after the same step, compiled with the constraints as they are."""

    # JAX gives what it has compiled for a method to all that are equal to it, as another one is.
    def train_step(*arguments):
        return type(model).train_step(model, *arguments)

    with attribute(model, "train_step", train_step), attribute(model, "train_function", None):
        model.make_train_function(force=True)
        _move(far)
        after = engine().compiled_step(model)(data)
        after = {key: to_numpy(value) for key, value in after.items()}
    put_back()
    return after


def _outside(constraints):
    """The weights whose constraint keeps what it gives, and for each a value outside of its set."""
    found = []
    for record in constraints.records:
        made: ConstraintEvidence = constraints.made[id(record.variable)]
        sound = made.image is not None and made.again < NOTICEABLE and not made.changes
        if not sound or not record.variable.trainable:
            continue
        value = to_numpy(record.variable).astype("float32")
        draw = np.random.default_rng(0).normal(size=value.shape).astype("float32")
        size = max(float(np.sqrt(np.mean(np.square(value)))), _OUTSIDE)
        tries = (sign * scale * size * draw for scale in _SCALES for sign in (1, -1))
        far = next((one for one in tries if _is_outside(constraints, record, one)), None)
        found += [] if far is None else [(record, far)]
    return found


def _is_outside(constraints, record, value):
    image = constraints.image(record, value)
    return image is not None and _share(image, value) > 2 * _OUTSIDE


def _share(image, value):
    return distance(image, value, relative_to=value)


def _left(constraints, record, after):
    """How far outside a step has left a weight, relative to its norm; zero if not finite."""
    value = after.get(id(record.variable))
    if value is None or not np.isfinite(value).all():
        return 0.0
    image = constraints.image(record, value)
    return 0.0 if image is None else _share(image, value)


def _batches(problem):
    """The batch, and parts and repetitions of it of sizes that are usual."""
    data = keras.tree.map_structure(ops.convert_to_numpy, OwnStep(problem).data)
    first = keras.tree.flatten(data)[0]
    given, each = len(first), sum(part.size for part in keras.tree.flatten(data)) / len(first)
    yield data, given
    for size in dict.fromkeys((*_SIZES, *(given % n for n in _SIZES))):
        if size not in (0, given) and size * each <= _MOST:
            yield _of_size(data, size), size


def _of_size(data, size):
    return keras.tree.map_structure(lambda part: part[np.arange(size) % len(part)], data)


def _move(far):
    for record, value in far:
        record.variable.assign(ops.cast(value, record.dtype))


def _tried(model, step, data, far, put_back):
    """The weights after a step from outside, None if it is not compiled for such a batch."""
    _move(far)
    try:
        with _raising(model, far):
            after = step(data)
        return {key: to_numpy(value) for key, value in after.items()}
    # Compilers may wrap it.
    except Exception:
        return None
    finally:
        put_back()


@contextlib.contextmanager
def _raising(model: Any, far: Any) -> Iterator[None]:
    """Whatever compiles the step meanwhile raises, so that nothing of it is kept."""

    def refuse(*arguments, **named):
        raise _CompilesError

    held = [(record.variable, record.variable.constraint) for record, _ in far]
    with attribute(model, "call", refuse):
        for variable, _ in held:
            variable.constraint = refuse
        try:
            yield
        finally:
            for variable, constraint in held:
                variable.constraint = constraint
