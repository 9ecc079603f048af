"""Whether the loss depends on weights that never get a gradient."""

import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence, GradientEvidence
from constrainit.doctor._problem import Problem
from constrainit.doctor._statistics import to_numpy

ASKED = 4
"""How many layers without a gradient are asked whether the loss depends on them."""

UNUSED = 1e-4
"""A weight that cancels out still moves the rounding of the loss."""


def ask_for_use(problem: Problem, evidence: Evidence, loss: float) -> None:
    """Moves the weights that never get a gradient, a layer at a time: does the loss change?"""
    never: dict[int, list[GradientEvidence]] = {}
    for made in evidence.gradients:
        if made.never:
            never.setdefault(id(made.record.layer), []).append(made)
    draws = np.random.default_rng(0)
    for group in list(never.values())[:ASKED]:
        moved = [moved_weight(to_numpy(made.record.value), draws) for made in group]
        # One of the two has another sign at each entry, for what only the sign counts of.
        used = any(_changes(problem, loss, group, [way * w for w in moved]) for way in (1, -1))
        for made in group:
            made.used = used


def _changes(problem, loss, group, values):
    """Whether the loss is another one with other values of weights."""
    held = [(m.record.variable, ops.copy(m.record.value)) for m in group]
    for (variable, value), other in zip(held, values, strict=True):
        variable.assign(ops.cast(other, value.dtype))
    try:
        found = float(problem.step(looking=False).loss)
    finally:
        for variable, value in held:
            variable.assign(value)
    return not abs(found - loss) <= UNUSED * abs(loss)


def moved_weight(value: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """A weight with noise of its own size."""
    size = max(float(np.max(np.abs(value), initial=0.0)), 1e-2)
    return value + size * draws.normal(size=value.shape)
