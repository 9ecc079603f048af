"""What a start will come to: lost features, overflow, fading signals, the jump of a projection."""

import math

import keras
import ml_dtypes
import numpy as np

from constrainit._compile import at_once
from constrainit._words import span

_LOW_DEVIATION, _HIGH_DEVIATION = 0.3, 3.0
_LOW_GRADIENT, _HIGH_GRADIENT = 0.1, 10.0


def feature_depth(law, dtype):
    """The depth at which what tells inputs apart is lost in the rounding of what they share."""
    if not law.positive or law.effective_inputs <= 1.0:
        return math.inf
    unit = float(ml_dtypes.finfo(dtype).eps)
    return 2 * math.log(1 / unit) / math.log(law.effective_inputs)


def overflow_depth(begun, stack, dtype):
    """The depth at which the signal overflows; infinite if it does not."""
    largest = float(ml_dtypes.finfo(dtype).max)
    levels = [abs(m) + 6 * d for m, d in zip(stack.means, stack.deviations, strict=True)]
    for layer, level in enumerate(levels, start=1):
        if not level < largest:
            return float(layer)
    if len(levels) < 2 or begun.phi.bounded or not levels[-1] > levels[-2] > 0:
        return math.inf
    # As fast as it grows at the end, if that is growth without end.
    growth = levels[-1] / levels[-2]
    return len(levels) + math.log(largest / levels[-1]) / math.log(growth)


def adam_step(law):
    """How far a first step of Adam at a rate of 0.001 moves an entry, relative to its scale."""
    return 1e-3 * math.sqrt(law.fan_in) / law.norm if law.norm else math.inf


def trouble(begun, stack, depth):
    """What will not keep its scale, in words with the number."""
    found, law = [], begun.law
    low, high = min(stack.deviations), max(stack.deviations)
    if low < _LOW_DEVIATION or high > _HIGH_DEVIATION:
        found.append(f"pre-activations will deviate by {span(low, high)} over depth {depth}")
    if not _LOW_GRADIENT <= stack.gradient <= _HIGH_GRADIENT:
        found.append(
            f"the gradient at the first layer will be {stack.gradient:.3g} times that at the last"
        )
    elif not _LOW_GRADIENT <= stack.gradient_range[0] <= stack.gradient_range[1] <= _HIGH_GRADIENT:
        found.append(
            f"the gradient at the first layer will be {span(*stack.gradient_range)} times that at "
            "the last, from one batch of 512 to another"
        )
    if law.positive and depth > feature_depth(law, "float32"):
        found.append(
            f"with {law.effective_inputs:.3g} effective inputs of one sign all units compute the "
            f"same function to rounding from depth {feature_depth(law, 'float32'):.1f} on "
            "(float32): add skip connections, use fewer layers, or let the sign be free"
        )
    return tuple(found)


def jump(a_set, shape):
    """How far a Glorot draw moves under the projection, relative to its norm."""
    height, width = shape
    limit = math.sqrt(6.0 / (height + width))
    draw = np.random.default_rng(0).uniform(-limit, limit, shape).astype("float32")
    # A constraint of the user's own may raise anything; the plan does not depend on it.
    try:
        with at_once():
            moved = np.asarray(keras.ops.convert_to_numpy(a_set.project(draw)), "float64")
    except Exception:
        return math.nan
    return float(np.linalg.norm(moved - draw) / np.linalg.norm(draw))
