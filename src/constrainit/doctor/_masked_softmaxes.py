"""Softmaxes in the user's own code beside a product with a mask: does it hide what it should?"""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src import backend

from constrainit.doctor._code import is_of_library, kind_of_layer
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._frames import Source, running_line
from constrainit.doctor._halves import Halves, Values, can_be_halved, misses, put, tried
from constrainit.doctor._own_calls import by_place, instead
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import own_function, runs_own_code
from constrainit.doctor._state import attribute, borrowed
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._edit_masks import Masking, masked_first, maskings
from constrainit.doctor.treatments._rewriting import (
    become,
    registered_as_before,
    rewritten,
    source_of,
)

_STEPS = 100
_HIDDEN = 0.1
"""The share of what a mask hides at least."""

_SHOWN = 2
"""How many entries of a row it shows at least, on average: of one alone there is no share."""

_SUM = 0.8
"""What is left of the shares at most where they no longer add up to one."""

_MISSED, _LOWER = 0.2, 0.5
"""What is missed at least with the product, and what is left of its loss without it."""

_SAME = 1e-5


@dataclass(frozen=True)
class MaskedSoftmax:
    """A softmax beside a product with a mask, and what steps do where the mask comes first.

    Attributes:
        layers: The names of the layers that it is called in.
        source: The user's own line.
        masking: The product.
        hidden: The share of the entries that the mask hides.
        share: The share that hidden entries get of a row; of a product with what the softmax
            gives, what is left of the sum of a row.
        steps: How many steps were taken with each.
        losses: On examples that are not trained on: at the start, after the steps as given, and
            after those with the mask before the softmax, or with shares that add up to one.
    """

    layers: list[str]
    source: Source
    masking: Masking
    hidden: float
    share: float
    steps: int
    losses: tuple[float, float, float]


@dataclass(frozen=True)
class _Call:
    """A call of a softmax: where, and the frame of the user's code with the names that it has."""

    layer: Any
    source: Source | None
    frame: Any
    names: dict[str, Any]
    result: Any


def masked_softmax(problem: Problem, evidence: Evidence, start: Values) -> MaskedSoftmax | None:
    """The softmax in code of the user's own that a product with a mask of zeros stands beside.

    None where the mask depends on weights, and where the loss falls as far with it as with one
    that hides entries from the softmax.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    own = [one for one in problem.model._flatten_layers() if runs_own_code(one)]
    own = [one for one in own if "softmax" in _text_of(one).lower()]
    if not own or evidence.trained or evidence.own is not None or not can_be_halved(problem):
        return None
    with tried(problem, "a mask before the softmax is"), registered_as_before():
        put(start)
        for calls in by_place(_calls(problem, own)).values():
            source, layer = calls[0].source, calls[0].layer
            for masking in _maskings(layer, source):
                seen = _seen(calls[-1], masking)
                if seen is None or not _stays(problem, own, calls[-1], masking, start):
                    continue
                losses = _trained(problem, layer, source, masking, start)
                if losses is not None:
                    names = list(dict.fromkeys(one.layer.name for one in calls))
                    return MaskedSoftmax(names, source, masking, *seen, _STEPS, losses)
    return None


def _owner(layer):
    """The class of a layer, or the function of the user's own that it calls."""
    owner = kind_of_layer(layer)
    return own_function(layer) if is_of_library(owner.__module__) else owner


def _text_of(layer):
    found = source_of(_owner(layer))
    return "" if found is None else "".join(found[0])


def _maskings(layer, source):
    if source is None or source.text == "":
        return []
    found: list[Masking] = []

    def noted(text):
        found.extend(maskings(text, source.text))

    rewritten(_owner(layer), noted)
    return found


def _calls(problem, own):
    """The calls of softmaxes in code of the user's own, in prediction."""
    calls: list[_Call] = []

    def noted(layer, softmax, x, axis=-1):
        result = softmax(x, axis=axis)
        line = running_line(above=(__file__, "_calls"))
        frame = None if line is None else _frame_at(line)
        if frame is not None:
            calls.append(_Call(layer, line, frame, dict(frame.f_locals), result))
        return result

    with instead(backend.nn, "softmax", own, noted):
        problem.model(problem.x, training=False)
    return calls


def _frame_at(line):
    frame = sys._getframe(1)
    while frame is not None:
        if (frame.f_code.co_filename, frame.f_lineno) == (line.file, line.line):
            return frame
        frame = frame.f_back
    return None


def _value(call, text, masking, **more):
    """An expression of the user's code anew; None where it can not be."""
    # What stands behind a softmax may have names that come after it.
    names = call.names if masking.before else {**call.names, **call.frame.f_locals}
    with contextlib.suppress(Exception):
        return to_numpy(ops.convert_to_tensor(eval(text, call.frame.f_globals, {**names, **more})))
    return None


def _seen(call, masking):
    """The share that a mask hides, and what hidden entries get; None if it is no such mask."""
    mask, shares = _value(call, masking.mask, masking), to_numpy(call.result)
    if mask is None or not mask.ndim or not np.isin(mask, (0, 1)).all():
        return None
    mask = mask.astype("float64")
    axis = masking.axis
    if not -mask.ndim <= axis < mask.ndim or mask.shape[axis] < 2:
        return None
    hidden = 1 - float(mask.mean())
    if hidden < _HIDDEN or mask.sum(axis=axis).mean() < _SHOWN:
        return None
    if masking.before:
        if np.broadcast_shapes(mask.shape, shares.shape) != shares.shape:
            return None
        away = np.sum(shares * (1 - mask), axis=axis) / np.sum(shares, axis=axis)
        share = float(away.mean())
        return (hidden, share) if share > 1 - _SUM else None
    text = masking.product.replace(masking.softmax, "_constrainit_shares")
    product = _value(call, text, masking, _constrainit_shares=call.result)
    if product is None or not -product.ndim <= axis < product.ndim:
        return None
    share = float(np.sum(product, axis=axis).mean())
    return (hidden, share) if share < _SUM else None


def _stays(problem, own, call, masking, start):
    """Whether the mask is the same with other weights: it is given, and not learnt."""
    before = _value(call, masking.mask, masking)
    draws = np.random.default_rng(0)
    try:
        for variable in problem.model.trainable_variables:
            value = to_numpy(variable)
            variable.assign(value + draws.normal(size=value.shape) * (np.std(value) + 0.1))
        again = [one for one in _calls(problem, own) if one.source == call.source]
        after = _value(again[-1], masking.mask, masking) if again else None
    finally:
        put(start)
    return before is not None and after is not None and np.array_equal(before, after)


def _trained(problem, layer, source, masking, start):
    """The losses, if the model trains far better with the mask in its place."""
    made = rewritten(_owner(layer), masked_first(source.text, masking.place))
    if made is None:
        return None
    before = _outputs(problem)
    with borrowed(problem.model), _as(problem.model, layer, made[0]):
        after = _outputs(problem)
    same = [np.allclose(a, b, rtol=_SAME, atol=_SAME) for a, b in zip(before, after, strict=True)]
    if all(same):
        return None
    halves = Halves(problem, start)
    first, given = halves.loss(), halves.train(_STEPS)
    with _as(problem.model, layer, made[0]):
        halves = Halves(problem, start)
        begin, other = halves.loss(), halves.train(_STEPS)
    losses = first, given, other
    if not np.isfinite([first, begin, other]).all() or not misses(losses, _MISSED):
        return None
    # That it starts lower is no learning: what is left of a share alone may be one.
    learnt = other <= _LOWER * begin and not given <= 2 * other
    return losses if learnt else None


def _outputs(problem):
    given = problem.model(problem.x, training=False)
    return [to_numpy(one) for one in keras.tree.flatten(given) if ops.is_tensor(one)]


@contextlib.contextmanager
def _as(model: keras.Model, layer: Any, kind: Any) -> Iterator[None]:
    """For a while all layers of a class have the methods of another, or call another function."""
    owner = _owner(layer)
    with contextlib.ExitStack() as stack:
        for one in [other for other in model._flatten_layers() if _owner(other) is owner]:
            if own_function(one) is owner:
                name = "function" if vars(one).get("function") is owner else "activation"
                stack.enter_context(attribute(one, name, kind))
            else:
                held = dict(vars(one))
                stack.callback(_put_back, one, held)
                become(one, kind)
        yield


def _put_back(one, held):
    vars(one).clear()
    vars(one).update(held)
