"""A model borrowed: whatever happens in between, it comes back as it was."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops


@contextlib.contextmanager
def borrowed(model: keras.Model) -> Iterator[None]:
    """Restores every variable, every constraint and the compiled loss of `model` at the end."""
    variables = {id(v): v for v in [*model.variables, *model.metrics_variables]}.values()
    values = [(v, ops.copy(ops.convert_to_tensor(v))) for v in variables]
    constraints = [(v, v.constraint) for v in variables if hasattr(v, "constraint")]
    inner = [(c, dict(vars(c))) for _, c in constraints if hasattr(c, "__dict__")]
    compiled_loss = getattr(model, "_compile_loss", None)
    overridden = list(model._losses_override)
    try:
        yield
    finally:
        for variable, value in values:
            variable.assign(value)
        for variable, constraint in constraints:
            variable.constraint = constraint
        for constraint, attributes in inner:
            vars(constraint).clear()
            vars(constraint).update(attributes)
        object.__setattr__(model, "_compile_loss", compiled_loss)
        model._losses_override = overridden


@contextlib.contextmanager
def attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    """`owner.name` is `value` for a while, past any hook of the owner's `__setattr__`."""
    own = vars(owner)
    before = own.get(name, own)
    object.__setattr__(owner, name, value)
    try:
        yield
    finally:
        if before is own:
            object.__delattr__(owner, name)
        else:
            object.__setattr__(owner, name, before)
