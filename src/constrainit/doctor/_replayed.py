"""Where a model was before a kept step was put in place."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Start(NamedTuple):
    """Where a model was before a file of `StopAtFault` has put it elsewhere.

    Attributes:
        model: The values of its variables.
        optimizer: Those of its optimizer; empty if it has none.
        step: The step at which training failed, counted from 1.
    """

    model: Sequence[np.ndarray]
    optimizer: Sequence[np.ndarray]
    step: int


def begin(problem: Any, rate: float | None = None) -> Any:
    """Puts the borrowed model and its optimizer at their start, and gives these a rate.

    Without one, the rate is that of the start. Gives the problem to step, which is another one
    where a rate takes the place of a schedule.
    """
    start: Any = problem.start
    for variable, value in zip(problem.model.variables, start.model, strict=True):
        variable.assign(value)
    if problem.optimizer is None:
        problem.set_optimizer()
    held: Any = problem.optimizer
    if len(start.optimizer) == len(held.variables):
        for variable, value in zip(held.variables, start.optimizer, strict=True):
            variable.assign(value)
    return problem if rate is None else problem.with_rate(rate)
