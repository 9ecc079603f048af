"""Moving averages of weights, of which Keras' optimizers keep one for each with `use_ema=True`.

Keras averages what a step gave before the constraint acted, and puts the average in the place of
the weights when `fit` ends. Here the average is one of weights as the model holds them, which for
a convex set is a member, and what `fit` ends with is projected.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import ops

from constrainit._joint import groups_of
from constrainit._set import ConstraintSet
from constrainit._step import looking


def of_members(update: Callable[..., None]) -> Callable[..., None]:
    """The update of the averages with the weights as their constraints will leave them."""

    @functools.wraps(update)
    def wrapper(self: Any, trainable_variables: list[Any]) -> None:
        if self.use_ema:
            held = _held([v for v in trainable_variables if not _of_the_user(v)])
            trainable_variables = [held.get(id(v), v) for v in trainable_variables]
        update(self, trainable_variables)

    return wrapper


def ending_inside(finalize: Callable[..., None]) -> Callable[..., None]:
    """`finalize_variable_values`, and then the constraints of what it has overwritten.

    On JAX weights and averages are the same arrays then, which a step, or `predict`, gives away:
    each weight gets one of its own.
    """

    @functools.wraps(finalize)
    def wrapper(self: Any, var_list: list[Any]) -> None:
        finalize(self, var_list)
        if self.use_ema:
            held = _held(var_list)
            shared = keras.backend.backend() == "jax"
            for variable in var_list:
                if shared or id(variable) in held:
                    variable.assign(ops.copy(held.get(id(variable), variable)))

    return wrapper


def _of_the_user(variable: Any) -> bool:
    """Whether a constraint calls a function of the user's own, which may count its calls."""
    return not getattr(getattr(variable, "constraint", None), "traceable", True)


def _held(variables: list[Any]) -> dict[int, Any]:
    """What the sets make of variables, by their identity."""
    held = {}
    for variable in variables:
        a_set = getattr(variable, "constraint", None)
        if isinstance(a_set, ConstraintSet):
            with looking():
                held[id(variable)] = a_set(variable)
    for group in groups_of(variables):
        blocks = group.blocks(group.set(group.value()))
        held.update({id(variable): block for variable, block in blocks})
    return held


def averages(optimizer: Any) -> Iterator[tuple[Any, Any]]:
    """Each trained variable with its moving average, where there are averages."""
    if optimizer is None:
        return
    for inner in getattr(optimizer, "optimizers", None) or [optimizer]:
        inner = getattr(inner, "inner_optimizer", inner)
        if getattr(inner, "use_ema", False) and inner.built:
            pairs = zip(
                inner._trainable_variables, inner._model_variables_moving_average, strict=True
            )
            yield from (pair for pair in pairs if pair[1] is not None)
