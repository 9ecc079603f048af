"""Reshapes to a shape with two axes exchanged, which do not exchange them."""

import contextlib
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from constrainit.doctor._beyond import hardly_falls
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, misses, tried
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import attribute

_STEPS = 80
_MISSES = 0.5


@dataclass(frozen=True)
class ReshapedEvidence:
    """A `Reshape` in place of which the model trains with a `Permute`.

    Attributes:
        layer: The layer.
        given: The shape that it is given, without the batch.
        axes: The axes for `Permute`, from 1.
        steps: How many steps were taken on half of the examples.
        losses: The loss of the others at the start, after these steps, and after as many with the
            axes exchanged.
    """

    layer: Any
    given: tuple[int, ...]
    axes: tuple[int, ...]
    steps: int
    losses: tuple[float, float, float]


def reshaped(problem: Problem, evidence: Evidence, start: Values) -> ReshapedEvidence | None:
    """The first `Reshape` that should exchange two axes; None if it does not train better so.

    Asked where the loss hardly falls.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    known = [
        one for one in problem.model._flatten_layers() if isinstance(one, keras.layers.Reshape)
    ]
    candidates = [(one, found) for one in known if (found := _exchanged(one)) is not None]
    stays = bool(evidence.losses) and hardly_falls(evidence.losses)
    trained = evidence.trained or evidence.own is not None
    if not candidates or not stays or trained or not can_be_halved(problem):
        return None
    with tried(problem, "Permute in place of Reshape is"):
        halves = Halves(problem, start)
        first, as_given = halves.loss(), halves.train(_STEPS)
        for layer, (given, axes) in candidates:
            with contextlib.ExitStack() as stack:
                stack.enter_context(attribute(layer, "call", permuting(axes)))
                losses = (first, as_given, Halves(problem, start).train(_STEPS))
            if misses(losses, _MISSES):
                return ReshapedEvidence(layer, given, axes, _STEPS, losses)
    return None


def permuting(axes: tuple[int, ...]) -> Any:
    """A call that exchanges axes, which count from 1 as those of `Permute` do."""
    return lambda x: ops.transpose(x, (0, *axes))


def _exchanged(layer):
    """The shape that a layer is given, and the axes, if it gives that with two of them exchanged.

    None of others, of a layer that is called more than once, and where both are of one size.
    """
    nodes = getattr(layer, "_inbound_nodes", ())
    if len(nodes) != 1:
        return None
    given = tuple(nodes[0].arguments.keras_tensors[0].shape[1:])
    target = tuple(nodes[0].outputs[0].shape[1:])
    apart = [at for at, pair in enumerate(zip(given, target, strict=False)) if pair[0] != pair[1]]
    if len(given) != len(target) or len(apart) != 2 or None in given:
        return None
    one, other = apart
    # An axis of one entry is moved by either.
    if given[one] != target[other] or 1 in (given[one], given[other]):
        return None
    axes = list(range(1, len(given) + 1))
    axes[one], axes[other] = axes[other], axes[one]
    return given, tuple(axes)
