"""Which step of an optimizer a constraint is called in.

Keras calls a constraint with the variable only, and does so at every call of `Optimizer.apply`:
with gradient accumulation also at those that only add up gradients and change no weight. The
optimizer counts its calls in `iterations`. That count is part of the state of a compiled train
step and is saved with the optimizer, which no state of a constraint would be on JAX.
"""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

# Replicas of TensorFlow's distribution step in threads of their own.
_running = threading.local()


def telling(apply: Callable[..., Any], after: Callable[[Any], None]) -> Callable[..., Any]:
    """`Optimizer.apply` followed by `after`; during both `at_step` knows the optimizer."""

    @functools.wraps(apply)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        outer = getattr(_running, "step", None)
        try:
            _running.step = self, 1
            result = apply(self, *args, **kwargs)
            _running.step = self, 0
            after(self)
        finally:
            _running.step = outer
        return result

    return wrapper


def at_step(steps: int, act: Callable[[], Any], rest: Callable[[], Any]) -> Any:
    """`act()` at each `steps`-th change of the weights by an optimizer, `rest()` between.

    A call outside of an optimizer's step is a wish to act.
    """
    step = getattr(_running, "step", None)
    if step is None:
        return act()
    optimizer, ahead = step
    period = steps * (optimizer.gradient_accumulation_steps or 1)
    if period == 1:
        return act()
    # Not `iterations`: with gradient accumulation that is the number of changes, rounded down.
    calls = ops.convert_to_tensor(optimizer._iterations) + ahead
    return ops.cond(ops.equal(calls % period, 0), act, rest)


def takes_image(variable: Any, constraint: Any) -> bool:
    """Whether an optimizer is about to copy what the constraint gives into the variable.

    Only where the image may as well be written there at once: on PyTorch, whose every operation
    makes a new tensor.
    """
    return (
        keras.backend.backend() == "torch"
        and getattr(_running, "step", None) is not None
        and not getattr(_running, "looking", False)
        and isinstance(variable, keras.Variable)
        and variable.constraint is constraint
    )


@contextmanager
def looking() -> Iterator[None]:
    """What constraints make of variables is wanted, and is not put into them."""
    _running.looking = True
    try:
        yield
    finally:
        _running.looking = False


# Where an optimizer keeps momentum, and whether that is in the direction of the step or of the
# gradient. `ScheduleFreeAdamW` has a list of that name, too, which holds weights.
_MOMENTA = (
    (("SGD",), "momentums", 1.0),
    (("Muon",), "momentums", -1.0),
    (("Adam", "Nadam", "Lamb", "Lion", "RMSprop"), "_momentums", -1.0),
    (("Adamax",), "_m", -1.0),
)


def momenta(variable: Any) -> list[tuple[Any, float]]:
    """The momentum of a variable in the optimizer that calls, with its sign along the step.

    An empty list outside of a step, for an optimizer without momentum, and for what is no variable.
    """
    step = getattr(_running, "step", None)
    if step is None or not isinstance(variable, keras.Variable):
        return []
    optimizer, _ = step
    for names, attribute, sign in _MOMENTA:
        if isinstance(optimizer, tuple(getattr(keras.optimizers, name) for name in names)):
            index = optimizer._get_variable_index(variable)
            slots = getattr(optimizer, attribute)
            return [(slots[index], sign)] if slots else []
    return []
