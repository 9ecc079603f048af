"""Training of many steps that are not looked into."""

from collections.abc import Iterator

from constrainit.doctor._constraints import Constraints
from constrainit.doctor._problem import Problem
from constrainit.doctor.engines import engine
from constrainit.doctor.engines._result import Stepped

_WORTH = 40
"""So many steps, operation by operation, take longer than compiling one."""

_COMPILING = 4.0
"""So many seconds at most takes that, where a step takes several tenths of one."""


def are_many(problem: Problem, steps: int) -> bool:
    """Whether steps are so many, or each takes so long, that it is worth to compile one."""
    return steps >= _WORTH or steps * problem.pace.seconds > _COMPILING


def losses_after(
    problem: Problem, constraints: Constraints, stepped: Stepped, steps: int
) -> Iterator[float]:
    """Takes steps, and gives the loss after each.

    Args:
        problem: What is trained.
        constraints: The constraints, which the weights do not have while they are applied here.
        stepped: The first step, whose update is still to come.
        steps: How many.
    """
    whole = engine().whole_step(problem, constraints) if are_many(problem, steps) else None
    if whole is not None:
        whole()
        for _ in range(steps - 1):
            yield whole()
        yield float(problem.step(looking=False).loss)
        return
    for _ in range(steps):
        stepped.update()
        constraints.move(problem.trainable, stepped, False)
        problem.advance(stepped)
        stepped = problem.step(looking=False)
        yield float(stepped.loss)
