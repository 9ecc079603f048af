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
