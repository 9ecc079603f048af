"""Sets whose constraint takes its time: part of the way at each step, or not at each step."""

from typing import Any

import keras
from keras import ops

from constrainit import _checks
from constrainit._precision import wide_dtype
from constrainit._step import at_step
from constrainit.sets.combine import _Applied, applied_set


class Relaxed(_Applied):
    """Another set, whose constraint moves a weight only a share of the way at each step.

    The set of allowed weights, the projection, the violation and the initializer are those of the
    inner set. As a constraint it gives `w + rate * (project(w) - w)`: the distance from the set
    shrinks to the share `1 - rate` at each optimizer step, and what is inside stays bit for bit.
    With gradient accumulation it moves only with the weights. In half precision a move smaller
    than the rounding of the weight is lost.

    Weights may lie outside between steps, and when `fit` ends: `check` then calls them outside and
    says why. `project(model)` takes them in, and `KeepFeasible()` does so at the end of `fit`.

    Args:
        set: The set; anything that `as_set` takes.
        rate: The share of the way, above 0 and at most 1.

    Raises:
        ValueError: `rate` is outside of its range.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> slow = ci.Relaxed(ci.Box(0.0, 1.0), 0.25)
    >>> print(np.asarray(slow(np.float32([3.0, 0.5]))), np.asarray(slow.project([3.0, 0.5])))
    [2.5 0.5] [1.  0.5]
    """

    def __init__(self, set: Any, rate: float):
        self.set = applied_set("Relaxed", set)
        self.rate = _checks.positive("Relaxed", "rate", rate)
        if self.rate > 1:
            raise _checks.fail("Relaxed", "rate", "be at most 1", rate)

    @property
    def paced(self):
        """Whether a step goes less than all of the way."""
        return self.rate < 1 or self.set.paced

    def __call__(self, w: Any) -> Any:
        """Part of the way to the projection, where the optimizer changes the weights."""
        w = self._tensor(w)
        return at_step(1, lambda: self._moved(w), lambda: w)

    def _moved(self, w):
        image = self.set(w)
        if self.rate == 1:
            return image
        dtype = keras.backend.standardize_dtype(w.dtype)
        wide = wide_dtype(dtype)
        # Not `w + rate * (image - w)`: the difference may overflow.
        between = (1 - self.rate) * ops.cast(w, wide) + self.rate * ops.cast(image, wide)
        return ops.where(ops.equal(image, w), w, ops.cast(between, dtype))

    def describe(self):
        """The inner set's line, and how fast it is approached."""
        return f"{self.set.describe()}, {self.rate:.3g} of the way at each step"


class Every(_Applied):
    """Another set, whose constraint acts at every so many optimizer steps only.

    The set of allowed weights, the projection, the violation and the initializer are those of the
    inner set. Between its turns the constraint leaves the weight as it is, inside or not. The steps
    are those of the optimizer, which saves their count: training that is resumed goes on counting,
    a new optimizer begins anew. With gradient accumulation a step is a change of the weights.
    Called outside of an optimizer it acts.

    Weights may lie outside between its turns, and when `fit` ends: `check` then calls them outside
    and says why. `project(model)` takes them in, and `KeepFeasible()` does so at the end of `fit`.

    Args:
        set: The set; anything that `as_set` takes.
        steps: It acts at steps `steps`, `2 * steps` and so on.

    Raises:
        ValueError: `steps` is no positive integer.

    >>> import keras
    >>> import constrainit as ci
    >>> w = keras.Variable([2.0])
    >>> w.constraint = ci.Every(ci.Box(0.0, 1.0), 3)
    >>> step = keras.optimizers.SGD(1.0)
    >>> for _ in range(4):
    ...     step.apply([keras.ops.convert_to_tensor([-1.0])], [w])
    ...     print(keras.ops.convert_to_numpy(w))
    [3.]
    [4.]
    [1.]
    [2.]
    """

    def __init__(self, set: Any, steps: int):
        self.set = applied_set("Every", set)
        self.steps = _checks.count("Every", "steps", steps)

    @property
    def paced(self):
        """Whether there is a step at which it does not act."""
        return self.steps > 1 or self.set.paced

    def __call__(self, w: Any) -> Any:
        """The inner constraint at its turn, else the weight."""
        w = self._tensor(w)
        return at_step(self.steps, lambda: self.set(w), lambda: w)

    def describe(self):
        """The inner set's line, and how often it acts."""
        return f"{self.set.describe()}, at every {self.steps} steps"
