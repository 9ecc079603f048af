"""Outputs of a ReLU that are exactly zero, where the loss can not do with zeros: as a divisor."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from constrainit.doctor._courses import constraints_of, is_finite, taken
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._losses_at import loss_now
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import attribute, borrowed
from constrainit.doctor.treatments.rectified import rectified_ends

_LIFTED = 0.1
"""What zeros are replaced by, relative to the size of what goes into the ReLU."""

_TIMES = 10.0
"""By how much the loss falls at least without zeros: at once, and with a softplus in the end."""

_STEPS = 100


@dataclass(frozen=True)
class ZeroOutputEvidence:
    """What zeros at the end of a model cost.

    Attributes:
        layers: The names of the layers that give them.
        share: The share of what these give that is zero at the start.
        lifted: The loss at the start with a small number in place of zeros.
        steps: How many steps were taken.
        losses: The loss at the start, and after these steps.
        soft: The last loss with a softplus in place of the ReLU.
    """

    layers: tuple[str, ...]
    share: float
    lifted: float
    steps: int
    losses: tuple[float, float]
    soft: float


def zero_outputs(problem: Problem, evidence: Evidence) -> ZeroOutputEvidence | None:
    """The ReLUs at the end of a model whose zeros are nearly all of its loss, after steps as well.

    The model is borrowed.
    """
    own = evidence.own is not None and not evidence.own.as_usual
    sound = not own and not evidence.faults and evidence.fault_step is None
    if not sound or not problem.is_small or problem.given_y is None or problem.drawn:
        return None
    ends = rectified_ends(problem.model)
    if not ends or not evidence.losses or not evidence.losses[0] > 0:
        return None
    with borrowed(problem.model):
        loss = loss_now(problem)
        lifted, shares = _without_zeros(problem, ends)
        if not lifted * _TIMES < loss:
            return None
        for one in list(ends):
            others = [end for end in ends if end is not one]
            if others and _without_zeros(problem, others)[0] * _TIMES < loss:
                ends = others
        lifted, shares = _without_zeros(problem, ends)
    given = _trained(problem, [])
    soft = _trained(problem, ends) if is_finite(given) else given
    if not is_finite(soft) or not soft.losses[-1] * _TIMES < given.losses[-1]:
        return None
    return ZeroOutputEvidence(
        tuple(one.name for one in ends), max(shares), lifted, _STEPS,
        (given.losses[0], given.losses[-1]), soft.losses[-1],
    )  # fmt: skip


def _without_zeros(problem, ends):
    """The loss where these layers give a small number in place of zeros, and how many were zero."""
    shares = [0.0]

    def lifted(x):
        x = ops.stop_gradient(x)
        shares.append(float(ops.mean(ops.cast(x <= 0, "float32"))))
        return ops.where(x > 0, x, _LIFTED * ops.mean(ops.abs(x)))

    with _activated(ends, lifted):
        return loss_now(problem), shares


def _trained(problem, ends):
    soft = _activated(ends, keras.activations.softplus)
    with borrowed(problem.model), problem.keeping_optimizer(), soft:
        return taken(problem.afresh(), constraints_of(problem), _STEPS)


@contextlib.contextmanager
def _activated(layers: list[Any], activation: Callable) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for layer in layers:
            stack.enter_context(attribute(layer, "activation", activation))
        yield
