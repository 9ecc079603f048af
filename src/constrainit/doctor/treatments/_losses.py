"""Other losses in place of some of a model's, with all else that it was compiled with."""

from collections.abc import Mapping
from typing import Any

import keras

from constrainit.doctor._orders import as_given
from constrainit.doctor._problem import Problem
from constrainit.doctor.treatments._remedy import with_other

_DEFAULTS = {
    "loss_weights": None,
    "metrics": None,
    "weighted_metrics": None,
    "run_eagerly": False,
    "steps_per_execution": 1,
}
"""The further arguments of `compile` that Keras keeps, and what they are if not given."""


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
    """The arguments of `compile` with other losses, as they are written.

    What is changed alone, where nothing else was given: of several losses all are told, and so is
    the whole call where it had more arguments.

    Args:
        problem: The problem before the change.
        written: The losses that are changed, by their places.
        other: Further arguments of `compile` that are changed.
    """
    losses = [written.get(at) or _named(one) for at, one in enumerate(problem.losses())]
    loss, _ = as_given(problem.compiled_loss, [_Written(one) for one in losses], problem.specs)
    kept = getattr(problem.model, "_compile_config", None)
    given = {} if kept is None else kept.config
    more = {n: given[n] for n, usual in _DEFAULTS.items() if given.get(n, usual) != usual} | other
    # Keras keeps what "auto" has become.
    if given.get("jit_compile") not in (None, _chosen(problem.model, given)):
        more["jit_compile"] = given["jit_compile"]
    if not more:
        return f"loss={_shown(loss)}"
    arguments = {"optimizer": "model.optimizer", "loss": _shown(loss)}
    arguments |= {name: _shown(value) for name, value in more.items()}
    return f"model.compile({', '.join(f'{name}={text}' for name, text in arguments.items())})"


def _chosen(model, given):
    return False if given["run_eagerly"] else model._resolve_auto_jit_compile()


class _Written(str):
    """Code, which is shown as it is."""

    __slots__ = ()


def _shown(value):
    """A value of `compile` as it is written, with dots for what has no short form."""
    if isinstance(value, _Written):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_shown(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_shown, value))}]"
    plain = value is None or isinstance(value, (str, bool, int, float))
    return repr(value) if plain else _named(value)


def _named(value):
    """What a loss, metric or function is written as: dots for what has no short form."""
    kind, function = type(value), getattr(value, "fn", value)
    if getattr(keras.losses, kind.__name__, None) is kind:
        usual = _is_usual(value) and hasattr(keras.losses, value.name)
        return f'"{value.name}"' if usual else f"keras.losses.{kind.__name__}(...)"
    name = getattr(function, "__name__", "")
    if getattr(keras.losses, name, None) is function:
        return f'"{name}"'
    return name if name.isidentifier() else "..."


def _is_usual(loss):
    """Whether a loss has the arguments that its class gives it by default."""
    try:
        return loss.get_config() == type(loss)().get_config()
    except TypeError:  # It has none.
        return False
