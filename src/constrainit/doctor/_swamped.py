"""What layers add to a loss by themselves: does the model learn from its targets without it?"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from constrainit.doctor._beyond import added
from constrainit.doctor._courses import constraints_of, is_finite, taken
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import attribute, borrowed

_SHARE = 0.25
_STEPS = 100
_TRAINS = 0.7
"""What is left at most of the loss of the data, where it trains."""


@dataclass(frozen=True)
class SwampedEvidence:
    """What is learnt of the data with what layers add to the loss, and without.

    Attributes:
        layer: The layer that adds the most.
        share: The share of what is added at the start, of all of the loss.
        steps: How many steps were taken.
        losses: The loss of the data at the start, and after these steps.
        alone: The last loss of the data where nothing is added.
    """

    layer: str
    share: float
    steps: int
    losses: tuple[float, float]
    alone: float


def swamped(problem: Problem, evidence: Evidence) -> SwampedEvidence | None:
    """What the data would teach without what is added to their loss, and do not teach with it.

    Asked where layers add more than a quarter of the loss at the start. The model is borrowed.
    """
    own = evidence.own is not None and not evidence.own.as_usual
    sound = not own and not evidence.faults and evidence.fault_step is None
    if not sound or not problem.is_small or problem.given_y is None or problem.drawn:
        return None
    if not problem.adds_losses or not problem.losses() or not evidence.losses:
        return None
    with borrowed(problem.model):
        more = added(problem)
    share = sum(more.values()) / evidence.losses[0] if evidence.losses[0] > 0 else 0.0
    if not _SHARE < share < 1:
        return None
    try:
        with borrowed(problem.model), problem.keeping_optimizer():
            constraints = constraints_of(problem)
            with _adding_nothing(problem):
                first = taken(problem.afresh(), constraints, 0).losses[0]
            whole = taken(problem, constraints, _STEPS)
            with _adding_nothing(problem):
                given = taken(problem.afresh(), constraints, 0)
        with borrowed(problem.model), problem.keeping_optimizer(), _adding_nothing(problem):
            alone = taken(problem.afresh(), constraints_of(problem), _STEPS)
    # A layer of the user's own may raise anything where its addition is not taken.
    except Exception as exception:
        problem.said.append(
            f"the loss without what layers add to it is not known ({type(exception).__name__})"
        )
        return None
    if not all(map(is_finite, (whole, given, alone))) or alone.is_blind or not given.is_blind:
        return None
    if alone.losses[-1] > _TRAINS * given.losses[-1]:
        return None
    layer = max(more, key=lambda name: more[name])
    return SwampedEvidence(layer, share, _STEPS, (first, given.losses[0]), alone.losses[-1])


@contextlib.contextmanager
def _adding_nothing(problem: Problem) -> Iterator[None]:
    """No layer of the model adds anything to the loss."""
    with contextlib.ExitStack() as stack:
        for layer in problem.model._flatten_layers():
            stack.enter_context(attribute(layer, "add_loss", lambda loss: None))
        yield
