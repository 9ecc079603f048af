"""Losses of several outputs of which one rules what they share, so that another is not learnt."""

import math
from dataclasses import dataclass, replace

import keras
from keras import ops

from constrainit.doctor._courses import constraints_of, taken
from constrainit.doctor._dropping import dropping_nothing
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._far_targets import is_far
from constrainit.doctor._halves import misses
from constrainit.doctor._loss_weights import (
    Part,
    each_loss,
    gradient_norms,
    parts_of,
    targets_of,
    weighed,
    with_scaled,
)
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import as_it_is
from constrainit.doctor._state import borrowed
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.rules.cw511_loss_outweighed import TIMES

_STEPS = 100
_MISSED = 0.5
_LEARNT = 0.25
"""What of a loss alone is missed at least, and at most where it is learnt beside the other one."""


@dataclass(frozen=True)
class OverruledEvidence:
    """A loss that is learnt alone, and not beside another one.

    Attributes:
        small: The output whose loss it is.
        large: The other one.
        losses: What both count at the start.
        share: The largest share that it has of the gradient of a weight that leads to both, or None
            where there is none.
        steps: How many steps were taken.
        course: What is counted of it at the start, after these steps of all losses, and after as
            many of it alone.
        scaled: Where the targets of the large one have mean zero and deviation one then, the loss
            after as many steps; None where that does not help.
        weight: Else what the large one is to be multiplied by.
        weakened: The loss after as many steps then, None where it does not help.
    """

    small: Part
    large: Part
    losses: tuple[float, float]
    share: float | None
    steps: int
    course: tuple[float, float, float]
    scaled: float | None = None
    weight: float = 1.0
    weakened: float | None = None

    @property
    def mended(self) -> float | None:
        """The loss with what helps, None where nothing does."""
        return self.weakened if self.scaled is None else self.scaled


def overruled(problem: Problem, evidence: Evidence) -> OverruledEvidence | None:
    """A loss that hardly falls beside one a thousand times as large, and falls alone.

    Asked of the least of the losses that count. The model is borrowed, and as it came.
    """
    parts = [part for part in parts_of(problem) if part.weight != 0]
    sound = not evidence.faults and evidence.fault_step is None and not evidence.trained
    own = evidence.own is not None and not evidence.own.as_usual
    if len(parts) < 2 or not sound or own or not problem.is_small:
        return None
    if problem.given_y is None or problem.drawn:
        return None
    try:
        return _compared(problem, evidence, parts)
    # A loss of the user's own may not take what is asked of it by itself.
    except Exception as exception:
        problem.said.append(f"the losses were not compared ({type(exception).__name__})")
        return None


def _compared(problem, evidence, parts):
    with borrowed(problem.model):
        each = each_loss(problem)
    counted = {part.path: (part.weight or 0.0) * each[part.path] for part in parts}
    small, large = (of(parts, key=lambda part: counted[part.path]) for of in (min, max))
    losses = counted[small.path], counted[large.path]
    if not all(map(math.isfinite, losses)) or not losses[1] > TIMES * losses[0] > 0:
        return None
    alone = weighed(problem, {p.path: small.weight or 0.0 if p is small else 0.0 for p in parts})
    given = weighed(problem, {})
    if alone is None or given is None:
        return None
    with borrowed(problem.model):
        share, first = _share(alone, evidence), _loss(alone)
    course = first, _after(given, alone), _after(alone, alone)
    if not misses(course, _MISSED):
        return None
    found = OverruledEvidence(small, large, losses, share, _STEPS, course)

    def helps(other):
        """The small loss after a change, None where it is hardly learnt then."""
        now = None if other is None else _after(other, alone)
        return None if now is None or misses((first, now, course[2]), _LEARNT) else now

    if _can_be_scaled(problem, evidence, large):
        scaled = helps(weighed(problem, {}, y=with_scaled(problem, large)))
        if scaled is not None:
            return replace(found, scaled=scaled)
    weight = float(f"{(large.weight or 1.0) * losses[0] / losses[1]:.1g}")
    return replace(found, weight=weight, weakened=helps(weighed(problem, {large.path: weight})))


def _after(problem, alone):
    """What is counted of the small loss after steps of a problem."""
    with borrowed(problem.model):
        taken(problem, constraints_of(problem), _STEPS)
        return _loss(alone)


def _loss(alone):
    """What is counted of the small loss, with nothing dropped."""
    with dropping_nothing(alone.model):
        found, _ = alone.loss(alone.x, alone.y, as_it_is)
    return float(to_numpy(ops.stop_gradient(found)))


def _share(alone, evidence):
    """The largest share of the small loss in the gradient of a weight that leads to others, too."""
    norms = gradient_norms(alone)
    pairs = [(norms[id(g.record.variable)], g.norm or 0.0) for g in evidence.gradients]
    # What leads to it alone has no other gradient.
    shared = [one / all_of for one, all_of in pairs if one > 0 and all_of > 2 * one]
    return max(shared, default=None)


def _can_be_scaled(problem, evidence, part):
    """Whether the targets of an output are numbers, far from what the layer starts with."""
    target, flat = targets_of(problem, part), keras.tree.flatten(problem.y)
    place = next((i for i, one in enumerate(flat) if one is target), None)
    known = place is not None and len(evidence.losses_of) == len(flat)
    return known and is_far(evidence.losses_of[place])
