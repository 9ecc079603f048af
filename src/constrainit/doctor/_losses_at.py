"""The loss at weights that the doctor has given the model, and looks there that may fail.

At other weights, data or steps than the user's the model may raise anything, as a Cholesky factor
does on some backends where the matrix has none. That is no fault of the model's training.
"""

import math
from collections.abc import Callable
from typing import Any

from keras import ops

from constrainit.doctor._batch import loss_of
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import as_it_is
from constrainit.doctor._state import attribute


def loss_now(problem: Problem, change: Callable = as_it_is) -> float:
    """The loss at the present weights of changed predictions, op by op; NaN where it raises."""
    model = problem.model
    try:
        with attribute(model, "_compile_loss", problem.compiled_loss):
            predictions = change(model(problem.x, training=False))
            return float(ops.stop_gradient(loss_of(model, problem.x, problem.y, predictions)))
    # Where one backend raises, another one gives NaN.
    except Exception:
        return math.nan


def loss_anew(problem: Problem) -> float:
    """The loss at the present weights, by code that nothing is kept of; NaN where it raises."""
    given = problem.given_loss, problem.given_optimizer, problem.seed
    other = Problem(problem.model, problem.x, problem.y, *given, steps=1)
    other.loss_weights = problem.loss_weights
    try:
        other.set_loss()
        return float(other.step().loss)
    # As above.
    except Exception:
        return math.nan


def loss_of_step(problem: Problem) -> float:
    """The loss of a step from the present weights, as it is compiled; NaN where it raises."""
    try:
        return float(problem.step(looking=False).loss)
    # As above.
    except Exception:
        return math.nan


def looked(problem: Problem, what: str, look: Callable, *given: Any, otherwise: Any = None) -> Any:
    """What a look finds; `otherwise`, which is said, where something of the user's raises in it.

    Args:
        problem: The problem.
        what: What is looked for.
        look: Is called with what is given; it puts back what it changes.
        given: What it is called with.
        otherwise: What stands for nothing found.
    """
    try:
        return look(*given)
    # Whatever the user's layers raise where no training has brought them.
    except Exception as exception:
        said = f"not looked for {what}, as the model raises there ({type(exception).__name__})"
        if said not in problem.said:
            problem.said.append(said)
        return otherwise
