"""Calls of `compile` as they are written, with all else that a model was compiled with."""

from typing import Any

import keras

from constrainit.doctor._problem import Problem
from constrainit.doctor.treatments._written import UnwritableError, Written, shown

_DEFAULTS = {
    "loss_weights": None,
    "metrics": None,
    "weighted_metrics": None,
    "run_eagerly": False,
    "steps_per_execution": 1,
}
"""The further arguments of `compile` that Keras keeps, and what they are if not given."""


def compile_code(problem: Problem, optimizer: Any, before: str = "") -> str:
    """The call of `compile` with another optimizer and all else that the model was compiled with.

    Args:
        problem: The problem before the change.
        optimizer: The optimizer, or code that makes it.
        before: Lines that come first.
    """
    if not isinstance(optimizer, Written):
        try:
            optimizer = Written(shown(optimizer))
        except UnwritableError:
            kind = type(optimizer)
            known = "keras.optimizers." * (kind.__module__.split(".")[0] == "keras")
            optimizer = Written(f"{known}{kind.__name__}(...)")
    loss = problem.given_loss if problem.given_loss is not None else problem.model.loss
    try:
        loss = Written(shown(loss))
    except UnwritableError:
        loss = Written("model.loss")
    return f"{before}{called_compile(problem.model, loss, optimizer)}"


def called_compile(
    model: keras.Model, loss: Written, optimizer: Written | None = None, **other: Any
) -> str:
    """The call of `compile` with another loss or optimizer and all else that there was.

    Args:
        model: The model as it was compiled.
        loss: Its loss as it is written; "None" where it has none.
        optimizer: Its optimizer as it is written, None for the one that it has.
        other: Further arguments that are changed.
    """
    own = Written("model.optimizer") if getattr(model, "optimizer", None) else "adam"
    arguments = {"optimizer": own if optimizer is None else optimizer, "loss": loss}
    arguments = {n: v for n, v in arguments.items() if v != "None"} | _further(model) | other
    return f"model.compile({', '.join(f'{n}={_dotted(v)}' for n, v in arguments.items())})"


def _further(model):
    """What else a model was compiled with than its optimizer and loss."""
    kept = getattr(model, "_compile_config", None)
    given = {} if kept is None else kept.config
    more = {n: given[n] for n, usual in _DEFAULTS.items() if given.get(n, usual) != usual}
    # Keras keeps what "auto" has become.
    if given.get("jit_compile") not in (None, _chosen(model, given)):
        more["jit_compile"] = given["jit_compile"]
    return more


def _chosen(model, given):
    return False if given.get("run_eagerly") else model._resolve_auto_jit_compile()


def _dotted(value):
    try:
        return shown(value)
    except UnwritableError:
        return "..."
