"""Attention whose mask hides what differs, so that it sees the same in every example."""

import contextlib
import inspect
import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._state import attribute
from constrainit.doctor._statistics import to_numpy

_LEFT = 2 / 3
"""A loss of which more is left after the steps hardly falls."""

_STILL, _VARIES = 1e-4, 1e-2


@dataclass(frozen=True)
class Hiding:
    """An attention layer that gives the same for every example, but not with its mask negated.

    Attributes:
        layer: The layer.
        shown: The share of what it may attend to.
        spread: By how much what it gives varies over the batch, as a share of its largest number.
        negated: The same with the mask negated.
    """

    layer: Any
    shown: float
    spread: float
    negated: float


def hiding(problem: Any, evidence: Any) -> list[Hiding]:
    """Such layers of Keras, where the loss hardly falls or an output is the same for all examples.

    Not of a batch that was drawn.
    """
    losses = evidence.losses
    layers = [one for one in problem.model._flatten_layers() if mask_of(one)]
    slow = len(losses) > 1 and math.isfinite(losses[-1]) and losses[-1] > _LEFT * losses[0]
    still = any(o.spread <= _STILL * o.peak for o in evidence.outputs_last)
    if not (layers and (slow or still) and evidence.varies) or problem.drawn:
        return []
    found: dict[int, list[Hiding | None]] = {}

    def run_of(layer):
        call = layer.call

        def run(*args, **kwargs):
            result = call(*args, **kwargs)
            made = _seen(layer, call, args, kwargs, result)
            found.setdefault(id(layer), []).append(made)
            return result

        return run

    with contextlib.ExitStack() as stack, contextlib.suppress(Exception):
        for layer in layers:
            stack.enter_context(attribute(layer, "call", run_of(layer)))
        # What raises in it has been met in training.
        problem.model(problem.x, training=False)
    # A layer that is called several times hides nothing if it sees something once.
    return [made[0] for made in found.values() if all(made) and made[0] is not None]


def mask_of(layer: Any) -> str:
    """The argument by which a layer of attention is given a mask; an empty string for others."""
    if isinstance(layer, (keras.layers.MultiHeadAttention, keras.layers.GroupQueryAttention)):
        return "attention_mask"
    return "mask" if isinstance(layer, keras.layers.Attention) else ""


def with_negated_mask(layer: Any, call: Any, args: Any, kwargs: Any) -> dict[str, Any] | None:
    """The arguments of a call with the mask negated; None where it is given none."""
    given = inspect.signature(call).bind(*args, **kwargs).arguments
    given = {**given, **given.pop("kwargs", {})}
    name = mask_of(layer)
    mask = given.get(name)
    if isinstance(mask, (list, tuple)):
        # That of the queries tells which rows count.
        parts = list(mask)
        if len(parts) < 2 or parts[1] is None:
            return None
        parts[1] = _negated(parts[1])
        return {**given, name: parts}
    return None if mask is None else {**given, name: _negated(mask)}


def _negated(mask):
    return ops.logical_not(ops.cast(mask, "bool"))


def _seen(layer, call, args, kwargs, result):
    """What is seen of one call; None where it has no mask, or varies, or does not if negated."""
    other = with_negated_mask(layer, call, args, kwargs)
    spread = _spread(result)
    if other is None or spread > _STILL:
        return None
    mask = other[mask_of(layer)]
    shown = 1 - float(np.mean(to_numpy(mask[1] if isinstance(mask, list) else mask)))
    negated = _spread(call(**other))
    return Hiding(layer, shown, spread, negated) if negated > _VARIES else None


def _spread(result):
    """By how much what is given varies over the batch, as a share of the largest number."""
    value = to_numpy(result[0] if isinstance(result, (list, tuple)) else result)
    return float(value.std(axis=0).max(initial=0.0) / max(np.abs(value).max(initial=0.0), 1e-30))
