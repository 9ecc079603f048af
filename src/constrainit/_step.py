"""Which step of an optimizer a constraint is called in.

Keras calls a constraint with the variable only, and does so at every call of `Optimizer.apply`:
with gradient accumulation also at those that only add up gradients and change no weight. The
optimizer counts its calls in `iterations`. That count is part of the state of a compiled train
step and is saved with the optimizer, which no state of a constraint would be on JAX.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any

from keras import ops

# Replicas of TensorFlow's distribution step in threads of their own.
_running = threading.local()


def telling(apply: Callable[..., Any]) -> Callable[..., Any]:
    """`Optimizer.apply`, during which `at_step` knows the optimizer."""

    @functools.wraps(apply)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        outer = getattr(_running, "optimizer", None)
        _running.optimizer = self
        try:
            return apply(self, *args, **kwargs)
        finally:
            _running.optimizer = outer

    return wrapper


def at_step(steps: int, act: Callable[[], Any], rest: Callable[[], Any]) -> Any:
    """`act()` at each `steps`-th change of the weights by an optimizer, `rest()` between.

    A call outside of an optimizer's step is a wish to act.
    """
    optimizer = getattr(_running, "optimizer", None)
    if optimizer is None:
        return act()
    period = steps * (optimizer.gradient_accumulation_steps or 1)
    if period == 1:
        return act()
    # Not `iterations`: with gradient accumulation that is the number of changes, rounded down.
    calls = ops.convert_to_tensor(optimizer._iterations) + 1
    return ops.cond(ops.equal(calls % period, 0), act, rest)
