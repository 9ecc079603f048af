"""How much work the treatments of a model may take, counted so that it is the same everywhere."""

import keras

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._finding import Finding
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import count_of
from constrainit.doctor._state import borrowed
from constrainit.doctor.treatments._remedy import Remedy, made

_ALL = 2_500_000
"""What all treatments may take together: about a hundred seconds of one processor."""

_LONGER = 500_000
"""What a training may take that a cure is compared by: about twenty."""

_PRODUCTS = 1e6
"""So many products take as long as an operation does besides."""

_FEWEST = 2
"""A longer training has so many times the steps of a look, whatever they take."""


class Budget:
    """What is left for treatments.

    Only where the operations of a step are known, as they are on PyTorch: it takes each of them
    by itself, those of every cell of a recurrence, too.

    Args:
        problem: What is treated, after its steps were taken.
    """

    def __init__(self, problem: Problem):
        self.problem, self.left = problem, float(_ALL)
        self.work = work_of(problem)
        self.fewer: tuple[int, int] | None = None
        self.untried: list[str] = []

    @property
    def is_spent(self) -> bool:
        """Whether nothing more may be tried."""
        return self.left <= 0

    def spend(self, evidence: Evidence) -> None:
        """Counts the steps of a look."""
        self.left -= self.work * max(len(evidence.losses), 1)

    def longer(self, steps: int) -> int:
        """As many steps of those that a training is to have as may be taken."""
        most = max(_FEWEST * self.problem.steps, int(_LONGER / max(self.work, 1)))
        if most < steps:
            self.fewer = max(steps, self.fewer[1] if self.fewer else 0), most
        return min(steps, most)

    def leave_out(
        self, remedy: Remedy, problem: Problem, evidence: Evidence, wanted: list[Finding]
    ) -> None:
        """Notes what a remedy would have changed, which is not tried."""
        with borrowed(problem.model), problem.keeping_optimizer():
            changed = made(remedy, problem, evidence, wanted)
        if changed is not None:
            self.untried.append(changed.change)

    def leave_out_chains(self) -> None:
        """Notes that changes in turn are not tried."""
        self.untried.append("several changes in turn")

    def say(self) -> None:
        """Says what was left out, and why."""
        why = f"as one step takes {self.problem.operations:,} operations"
        if self.fewer:
            wanted, taken = self.fewer
            self.problem.said.append(
                f"what heals was followed for {taken} steps in place of {wanted}, {why}"
            )
        if self.untried:
            what = "; ".join(dict.fromkeys(self.untried))
            self.problem.said.append(f"not tried for lack of time, {why}: {what}")


def work_of(problem: Problem) -> float:
    """The operations of a step, each of them for more where it takes many products; 0 if unknown.

    Those of the largest kernel are taken for those of each operation. The rows of a table are
    looked up, and take none.
    """
    tables = [
        layer
        for layer in problem.model._flatten_layers()
        if isinstance(layer, keras.layers.Embedding)
    ]
    rows = {id(variable) for table in tables for variable in table.variables}
    kernels = [count_of(v) for v in problem.trainable if len(v.shape) > 1 and id(v) not in rows]
    parts = keras.tree.flatten(problem.x)
    examples = parts[0].shape[0] if parts and len(parts[0].shape) else 1
    return problem.operations * (1 + examples * max(kernels, default=0) / _PRODUCTS)
