"""Weights that `stop_gradient` in the user's own code keeps from learning what they could."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras.src import backend

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._frames import Source, running_line
from constrainit.doctor._halves import Halves, Values, can_be_halved, misses, tried
from constrainit.doctor._own_calls import instead
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import runs_own_code
from constrainit.model import WeightRecord

_STEPS = 100
_MISSES = 0.5
"""What training with the cut misses of what it takes off the loss without it."""

_TOLD = 1.5
"""How many times as large the loss is with targets of other examples, if these are learnt."""


@dataclass(frozen=True)
class UncutEvidence:
    """Weights that get no gradient, with which the model trains better once they get one.

    Attributes:
        records: The weights.
        source: The user's own line that says `stop_gradient`.
        steps: How many steps were taken on half of the examples.
        losses: The loss of the others: at the start, after these steps, and after as many without
            the cut.
    """

    records: list[WeightRecord]
    source: Source
    steps: int
    losses: tuple[float, float, float]


def uncut(problem: Problem, evidence: Evidence, start: Values) -> UncutEvidence | None:
    """The weights behind one `stop_gradient` without which the model learns far more.

    Of a model whose code assigns weights, nothing is asked: these may be averages of others. Nor
    does it count what is learnt of no targets, as two views of an example that become the same.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    found: dict[tuple[str, int], list[Any]] = {}
    for made in evidence.gradients:
        layers = made.record.path, made.record.layer.name
        cut = next(filter(None, map(evidence.severed.get, layers)), None)
        if cut is None or cut.operation != "stop_gradient" or cut.source is None:
            continue
        if made.never and made.record.variable.trainable:
            place = cut.source.file, cut.source.line
            found.setdefault(place, []).append((made.record, cut.source))
    own = [one for one in problem.model._flatten_layers() if runs_own_code(one)]
    usual = not evidence.trained and evidence.own is None and not evidence.assigned
    if not found or not usual or not can_be_halved(problem):
        return None
    with tried(problem, "a gradient that is let through is"):
        for cuts in found.values():
            source = cuts[0][1]
            halves = Halves(problem, start)
            first, given = halves.loss(), halves.train(_STEPS)
            with _let_through(own, source.line):
                halves = Halves(problem, start)
                other = halves.train(_STEPS)
            mixed, losses = halves.of_others(), (first, given, other)
            told = mixed is not None and np.isfinite(other) and mixed > _TOLD * abs(other)
            if told and misses(losses, _MISSES):
                return UncutEvidence([record for record, _ in cuts], source, _STEPS, losses)
    return None


@contextlib.contextmanager
def _let_through(own: list[Any], line: int) -> Iterator[None]:
    """What `stop_gradient` is given on a line goes through as it is for a while."""

    def passed(layer, stop_gradient, x):
        source = running_line(above=(__file__, "uncut"))
        return x + 0 if source is not None and source.line == line else stop_gradient(x)

    with instead(backend.core, "stop_gradient", own, passed):
        yield
