"""Whether a step that is replayed went wrong by the learning rate of those before it."""

import math

from constrainit.doctor._courses import constraints_of, taken
from constrainit.doctor._evidence import Evidence, Trial
from constrainit.doctor._losses_at import looked
from constrainit.doctor._problem import Problem
from constrainit.doctor._replayed import begin
from constrainit.doctor._schedules import schedule_of
from constrainit.doctor._state import borrowed

FACTORS = (0.1, 0.01, 0.001)
_LEAST, _MOST = 20, 200
"""How many steps are taken from the start: about as many as training took until it failed."""

_GREW = 10.0
"""Steps that overshoot make the loss grow before it overflows; a logarithm of zero does not."""


def note_rate(problem: Problem, evidence: Evidence) -> None:
    """Notes a lower rate with which the model trains from its start, where its own diverges.

    Asked where the step that is replayed fails at once: no rate mends what has grown already. Both
    trainings are on the batch of that step. What fails in the user's own code is named there.
    """
    located = evidence.operation is not None and evidence.operation.source is not None
    own = evidence.own is not None and not evidence.own.as_usual
    if problem.start is None or evidence.fault_step != 0 or located or own:
        return
    if evidence.rate and problem.is_small:
        looked(problem, "the rate before the step", _note, problem, evidence)


def _note(problem, evidence):
    steps = min(max(problem.start.step, _LEAST), _MOST)
    own = None if schedule_of(problem.optimizer) is not None else evidence.rate
    given = _losses(problem, steps, own)
    finite = [loss for loss in given if math.isfinite(loss)]
    if not finite or max(finite) < _GREW * abs(finite[0]) or finite[-1] < _GREW * abs(finite[0]):
        return
    for factor in FACTORS:
        rate = factor * evidence.rate
        # So much shorter steps take as many more to come to the same place.
        more = min(int(len(given) / factor), _MOST)
        losses = _losses(problem, max(more, steps), rate)
        if math.isfinite(losses[-1]) and losses[-1] < losses[0]:
            numbers = {"rate": rate, "steps": len(given) - 1, "first": given[0], "last": given[-1]}
            said = f"a learning rate of {rate:.3g} in place of {evidence.rate:.3g}"
            evidence.trials["start"] = Trial(said, Evidence(losses=losses), numbers)
            return


def _losses(problem, steps, rate):
    with borrowed(problem.model), problem.keeping_optimizer():
        other = begin(problem, rate)
        return taken(other, constraints_of(problem), steps).losses
