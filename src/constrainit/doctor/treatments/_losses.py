"""Other losses in place of some of a model's, with all else that it was compiled with."""

from collections.abc import Mapping
from typing import Any

import keras
from keras.src.losses.losses import LossFunctionWrapper

from constrainit.doctor._orders import as_given
from constrainit.doctor._problem import Problem
from constrainit.doctor.treatments._compile_code import called_compile
from constrainit.doctor.treatments._remedy import with_other
from constrainit.doctor.treatments._written import UnwritableError, Written, shown


def with_losses(problem: Problem, losses: list[Any], **changed: Any) -> Problem:
    """A problem like another one with these losses, one for each that it has, weighed as they are.

    Raises:
        ValueError: An output has several losses.
    """
    loss, weights = as_given(problem.compiled_loss, losses, problem.specs)
    other = with_other(problem, loss=loss, **changed)
    other.loss_weights = weights
    return other


def code_of_loss(loss: Any) -> Any:
    """What holds the code of a loss: a function, or an object itself."""
    return getattr(loss, "fn", loss)


def pasted(problem: Problem, written: Mapping[int, str], **other: Any) -> str:
    """The call of `compile` with other losses, as they are written, and all else that was given.

    Args:
        problem: The problem before the change.
        written: The losses that are changed, by their places.
        other: Further arguments of `compile` that are changed.
    """
    losses = [written.get(at) or _named(one) for at, one in enumerate(problem.losses())]
    loss, _ = as_given(problem.compiled_loss, [Written(one) for one in losses], problem.specs)
    return called_compile(problem.model, Written(shown(loss)), **other)


def _named(value):
    """What a loss is written as: dots for what has no form in code."""
    kind = type(value)
    if getattr(keras.losses, kind.__name__, None) is kind and _is_usual(value):
        return shown(value.name) if hasattr(keras.losses, value.name) else shown(value)
    try:
        return shown(getattr(value, "fn", value) if kind is LossFunctionWrapper else value)
    except UnwritableError:
        return "..."


def _is_usual(loss):
    """Whether a loss has the arguments that its class gives it by default."""
    try:
        return loss.get_config() == type(loss)().get_config()
    except TypeError:  # It has none.
        return False
