"""Updates at a right angle to the set of their weight, where the gradient is not."""

import keras

from constrainit.doctor._evidence import AlikeEvidence, Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, tried
from constrainit.doctor._own_optimizer import inner_of
from constrainit.doctor._problem import Problem
from constrainit.doctor._undone import ENOUGH

_GAIN = 0.05
"""Steps along the gradient are of use where they take so much off the loss, and ten times what
those of the optimizer take."""


def alike(problem: Problem, evidence: Evidence, start: Values) -> AlikeEvidence | None:
    """The weight that steps as long as the optimizer's, but along the gradient, train.

    Where a weight is at the best member of its set, the gradient itself is at a right angle to the
    set, and no step gains anything.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    norms = {id(made.record): made.norm or 0.0 for made in evidence.gradients}
    held = [
        made for made in evidence.constraints
        if made.alike >= ENOUGH and norms.get(id(made.record))
    ]  # fmt: skip
    follows = isinstance(inner_of(problem.optimizer), keras.optimizers.SGD)
    if not held or follows or evidence.own is not None or not can_be_halved(problem):
        return None
    made = held[0]
    size = (made.update or 0.0) * made.start.norm
    rate = float(f"{size / norms[id(made.record)]:.2g}")
    steps = len(evidence.losses) - 1
    with tried(problem, "steps along the gradient are"):
        halves = Halves(problem, start)
        first, given = halves.loss(), halves.train(steps)
        along = Halves(problem, start, keras.optimizers.SGD(rate)).train(steps)
        gain = first - along
        if gain > _GAIN * abs(first) and gain > 10 * (first - given):
            return AlikeEvidence(made.record, made.alike, rate, (first, given, along))
    return None
