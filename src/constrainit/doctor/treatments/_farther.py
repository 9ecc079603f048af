"""Longer trainings that cures are compared by; none is taken twice."""

from dataclasses import dataclass
from typing import Any

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._finding import Finding
from constrainit.doctor._problem import Problem
from constrainit.doctor.treatments._budget import Budget
from constrainit.doctor.treatments._remedy import Changed, Look, Remedy, key, look, seen


@dataclass(frozen=True)
class Course:
    """How a training went.

    Attributes:
        losses: The loss before each step, and after the last one.
        fault_step: The step after which something was not finite, or None.
    """

    losses: list[float]
    fault_step: int | None

    def up_to(self, steps: int) -> "Course":
        """The same training, had it been of fewer steps."""
        late = self.fault_step is not None and self.fault_step > steps
        return Course(self.losses[: steps + 1], None if late else self.fault_step)


class Farther:
    """Trainings of a problem in more steps than a look takes, as it is and treated.

    Args:
        problem: What is treated.
        evidence: What is known of it.
        budget: What they may take.
    """

    def __init__(self, problem: Problem, evidence: Evidence, budget: Budget):
        self.problem, self.evidence, self.budget = problem, evidence, budget
        self._untreated: tuple[int, Course] | None = None
        self._treated: tuple[Any, Look | None] = (None, None)

    def untreated(self, steps: int) -> Course:
        """The problem as it is: a longer training that was taken before tells the same."""
        if self._untreated is None or self._untreated[0] < steps:
            with self.problem.taking(steps):
                found = seen(Changed(""), self.problem).evidence
            self.budget.spend(found)
            self._untreated = steps, Course(found.losses, found.fault_step)
        return self._untreated[1].up_to(steps)

    def treated(self, remedy: Remedy, wanted: list[Finding], steps: int) -> Look | None:
        """A look after a change; the last one is kept, as several questions are asked of it."""
        asked = remedy, tuple(map(key, wanted)), steps
        if self._treated[0] != asked:
            with self.problem.taking(steps):
                found = look(remedy, self.problem, self.evidence, wanted)
            if found is not None:
                self.budget.spend(found.evidence)
            self._treated = asked, found
        return self._treated[1]
