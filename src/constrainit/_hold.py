"""Constraints in loops that no Keras optimizer steps: tensors in, tensors out, no report."""

import operator
import weakref
from typing import Any

import keras

from constrainit import _checks
from constrainit._came import came
from constrainit._effective import LoraRecord, QuantizedRecord, effective_records
from constrainit._present import INSTEAD, check_values, refuse_traced
from constrainit._refused import refusal
from constrainit._reparametrized import seen_records
from constrainit._signatures import explaining
from constrainit._warning import warn
from constrainit._words import nothing_to_keep
from constrainit.model import GroupRecord, WeightRecord, check_built, constrained_records

_HOOKS = "_constrainit_hooks"
"""Where a `torch.optim` optimizer keeps the handles of its hooks, by their models."""

_TOLD: weakref.WeakSet[Any] = weakref.WeakSet()
"""Models without a constraint that `hold` has said so of: once, and not at each step."""


@explaining
def hold(model: keras.Model) -> None:
    """Applies the constraint of every weight, as a Keras optimizer does after its step.

    For a loop of your own, after the step of an optimizer that is not Keras'. It asks nothing of
    the host, so that it may stand inside a compiled step: `tf.function`; for `jax.jit` there is
    `held`. `project(model)` does the same and says what has moved.

    Args:
        model: A built Keras model or layer.

    Raises:
        RuntimeError: JAX traces a function, in which values can be given back but not assigned.

    >>> import keras
    >>> import numpy as np
    >>> import constrainit as ci
    >>> layer = keras.layers.Dense(2, use_bias=False, kernel_constraint=ci.NonNegative())
    >>> layer.build((None, 2))
    >>> layer.set_weights([np.float32([[1, -2], [-3, 4]])])
    >>> ci.hold(layer)
    >>> print(layer.get_weights()[0].tolist())
    [[1.0, 0.0], [0.0, 4.0]]
    """
    check_built(model, "hold")
    refuse_traced("hold", INSTEAD)
    check_values("hold", model)
    records = effective_records(model)
    if not records and model not in _TOLD and not seen_records(model):
        _TOLD.add(model)
        warn(nothing_to_keep("hold", model))
    for record in records:
        if not isinstance(record, QuantizedRecord):
            _settle(record)


def _settle(record: WeightRecord) -> None:
    joined = isinstance(record, (GroupRecord, LoraRecord))
    try:
        image = record.constraint(record.value if joined else record.variable)
    # A user's constraint may raise anything.
    except Exception as raised:
        said = refusal(raised, record.constraint, record.path)
        if not said:
            raise
        raise ValueError(said) from None
    record.assign(image)


@explaining
def held(model: keras.Model, values: Any) -> Any:
    """The trainable weights of a model after their constraints, as values: for JAX.

    `params = ci.held(model, optax.apply_updates(params, updates))`, inside or outside of
    `jax.jit`, where `params` are the values of `model.trainable_variables`.

    Args:
        model: A built Keras model or layer; its own weights stay as they are.
        values: A list or tuple with a tensor for each of `model.trainable_variables`, in their
            order.

    Returns:
        The tensors in the same container, those of constrained weights inside of their sets.

    Raises:
        ValueError: The values are no list or tuple, or their number is not that of the trainable
            weights.
    """
    check_built(model, "held")
    if not isinstance(values, (list, tuple)):
        must = "be a list with a tensor for each of `model.trainable_variables`"
        raise _checks.fail("held", "values", must, values)
    form, variables, values = values, list(model.trainable_variables), list(values)
    if len(values) != len(variables):
        raise ValueError(
            f"`values` of `held` must hold one tensor for each of `model.trainable_variables`, "
            f"{len(variables)} in number. Received: {len(values)}."
        )
    for variable, value in zip(variables, values, strict=True):
        shape = getattr(value, "shape", None)
        if shape is None or tuple(shape) != tuple(variable.shape):
            given = came(value) if shape is None else f"one of shape {tuple(shape)}"
            raise ValueError(
                "`values` of `held` must hold a tensor of the shape of each weight. Received: "
                f"{given} for {variable.path!r}, of shape {tuple(variable.shape)}."
            )
    trained = {id(variable) for variable in variables}
    with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
        for record in constrained_records(model):
            if trained.issuperset(map(id, _variables(record))):
                _settle(record)
    found = [scope.get_current_value(variable) for variable in variables]
    # A loop of JAX wants its state back in the form in which it gave it.
    if not isinstance(form, tuple):
        return found
    return type(form)(*found) if hasattr(form, "_fields") else tuple(found)


def _variables(record: WeightRecord) -> list[Any]:
    return record.variable.variables if isinstance(record, GroupRecord) else [record.variable]


@explaining
def hold_after(optimizer: Any, model: keras.Model) -> Any:
    """Lets a `torch.optim` optimizer apply constraints after each of its steps.

    `ci.hold_after(optimizer, model)`, once, before the loop, whoever runs the loop: the hook goes
    with the optimizer. Called again for the same model it takes the place of the first.

    Args:
        optimizer: A `torch.optim.Optimizer`.
        model: A built Keras model or layer on the backend PyTorch. Held are the weights that the
            optimizer trains, by the constraint that each has at the step: one that is given later
            counts from then on.

    Returns:
        The handle of the hook; `handle.remove()` ends it.

    Raises:
        ValueError: `optimizer` is none of `torch.optim`, or it trains no constrained weight.
    """
    if isinstance(optimizer, type) or not hasattr(optimizer, "register_step_post_hook"):
        raise ValueError(
            "`optimizer` of `hold_after` must be a torch.optim.Optimizer. Received: "
            f"{_no_optimizer(optimizer)}"
        )
    check_built(model, "hold_after")
    trained = _parameters(optimizer)
    held = _Held(model)
    if not held.records(optimizer):
        raise ValueError(
            "`optimizer` of `hold_after` must train a weight of the model that has a constraint. "
            f"Received: an optimizer of {len(trained)} weights, none of which has. Give it "
            "model.parameters(), and the model its constraints first."
        )

    hooks = vars(optimizer).setdefault(_HOOKS, weakref.WeakKeyDictionary())
    if model in hooks:
        hooks[model].remove()

    def settle(stepped: Any, *_: Any) -> None:
        for record in held.records(stepped):
            _settle(record)

    hooks[model] = optimizer.register_step_post_hook(settle)
    return hooks[model]


def _no_optimizer(given):
    if isinstance(given, type):
        return f"the class {given.__name__}. Write {given.__name__}(model.parameters(), ...)."
    return (
        f"{type(given).__name__}. A Keras optimizer applies constraints by itself; after others "
        "call constrainit.hold(model)."
    )


def _parameters(optimizer):
    return {id(p) for group in optimizer.param_groups for p in group["params"]}


class _Held:
    """The constrained weights of a model that an optimizer trains, looked for where they change."""

    def __init__(self, model: Any):
        self._model = model
        self._variables: list[Any] = []
        self._known: list[Any] = []
        self._records: list[WeightRecord] = []

    def records(self, optimizer: Any) -> list[WeightRecord]:
        """Their records as they are now."""
        if not self._known or not _are_same(self._known, self._now(optimizer)):
            trained = _parameters(optimizer)
            self._variables = self._model.variables
            self._records = [
                record for record in constrained_records(self._model)
                if trained.issuperset(id(v.value) for v in _variables(record))
            ]  # fmt: skip
            self._known = self._now(optimizer)
        return self._records

    def _now(self, optimizer):
        """What the records depend on."""
        groups = [len(group["params"]) for group in optimizer.param_groups]
        return [*groups, *(getattr(v, "constraint", None) for v in self._variables)]


def _are_same(known, now):
    return len(known) == len(now) and all(map(operator.is_, known, now))
