"""What a stack of equal layers does to the signal and to the gradient, by recursion over depth.

The layers are `z' = W a + b` with `a = phi(z)`, `fan_in` inputs and as many units. Two limits are
followed. Where signs cancel, pre-activations are normal at every depth and only their variance
moves. Where weights have one sign, or each unit listens to one input, a unit repeats one scalar
map, `z' = gain * phi(z) + b`, whose distribution is carried along exactly.
"""

import functools
import math
from dataclasses import dataclass, field, replace

import numpy as np

from constrainit.initializers._activation import Activation

_POINTS = 801
_SPARSE = 2.0
_BATCH, _BATCHES = 512, 1000


@dataclass(frozen=True)
class Shape:
    """What the recursion needs to know of a law, apart from its scale.

    Attributes:
        fan_in: How many weights feed a unit.
        positive: Whether the weights are of one sign.
        effective_inputs: `sum(w)^2 / ||w||^2`.
        overlap: The correlation of two units' outputs for independent inputs.
    """

    fan_in: int
    positive: bool
    effective_inputs: float
    overlap: float


@dataclass(frozen=True)
class Stack:
    """Predictions for a stack, from its first layer to its last.

    Attributes:
        means: Mean of the pre-activations over the data, by layer.
        deviations: Their standard deviation over the data, by layer.
        gradient: The gradient's root mean square at the first pre-activations over that at the
            last, for an independent cotangent there.
        slopes: Where all units compute one scalar map: the square of its slope, by `likely`.
        likely: How likely these slopes are.
    """

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    gradient: float
    slopes: np.ndarray = field(default_factory=lambda: np.zeros(1), compare=False)
    likely: np.ndarray = field(default_factory=lambda: np.ones(1), compare=False)

    @functools.cached_property
    def gradient_range(self) -> tuple[float, float]:
        """Where `gradient` lies in 95 of 100 batches of 512 examples.

        Where all units compute one scalar map, a batch has only as many slopes as examples, and
        few of them, near a point that the map flees, may carry most of the gradient.
        """
        average = float(self.likely @ self.slopes)
        if not 0 < average < math.inf:
            return self.gradient, self.gradient
        rng = np.random.default_rng(0)
        squares = rng.choice(self.slopes, (_BATCHES, _BATCH), p=self.likely)
        # The part of a cotangent that all units have in common is normal, too.
        squares *= np.square(rng.standard_normal(squares.shape))
        ratios = np.sqrt(squares.mean(axis=1) / average)
        low, high = np.quantile(ratios, (0.025, 0.975))
        return self.gradient * float(low), self.gradient * float(high)


def follow(
    phi: Activation,
    shape: Shape,
    mean: float,
    deviation: float,
    gain: float,
    depth: int,
    bias: float | None = None,
    points: int = _POINTS,
) -> Stack:
    """The stack whose layers have this gain.

    Args:
        phi: The activation.
        shape: The law.
        mean: Mean of the first pre-activations.
        deviation: Their standard deviation.
        gain: Norm of a unit's weights; for weights of one sign their sum.
        depth: How many layers.
        bias: The bias, in the units of `z`; None for the one that keeps the mean.
        points: How many values of a pre-activation are carried along.
    """
    if bias is None:
        bias = mean - gain * phi.moments(mean, deviation).mean
    if not shape.positive:
        return _normal(phi, mean, deviation, gain, depth, points)
    if shape.effective_inputs < _SPARSE:
        return _sparse(phi, shape, mean, deviation, gain, bias, depth, points)
    return _dense(phi, shape, mean, deviation, gain, bias, depth, points)


@functools.cache
def _nodes(points):
    """Values of a standard normal variable, and their weights."""
    # Midpoints of a fine grid: no node on a kink at the mean.
    x = (np.arange(points) + 0.5) / points * 12 - 6
    weight = np.exp(-0.5 * x * x)
    weight /= weight.sum()
    return x / math.sqrt(weight @ np.square(x)), weight


def _normal(phi, mean, deviation, gain, depth, points):
    means, deviations, gradient = [mean], [deviation], 1.0
    x, weight = _nodes(points)
    for _ in range(depth - 1):
        values, slopes = phi(means[0] + deviations[-1] * x)
        average = weight @ values
        gradient *= gain * math.sqrt(weight @ np.square(slopes))
        deviations.append(gain * math.sqrt(max(weight @ np.square(values - average), 0.0)))
        means.append(mean)
        if not 0 < deviations[-1] < 1e150:
            break
    return _finished(means, deviations, gradient, depth)


def _sparse(phi, shape, mean, deviation, gain, bias, depth, points):
    """Each unit repeats one input, and adds a little of all the others."""
    keeps, common = 1.0 / math.sqrt(shape.effective_inputs), 1.0 / shape.fan_in
    means, deviations = [mean], [deviation]
    squares, weight = _repeat(phi, means, deviations, gain, bias, depth, points, keeps, common)
    square = float(weight @ squares)
    square *= 1 + common * (keeps ** (-2 * (depth - 1)) - 1)
    return _finished(means, deviations, math.sqrt(square), depth)


def _dense(phi, shape, mean, deviation, gain, bias, depth, points):
    """All units soon compute one and the same function of the data."""
    inputs, shared = shape.effective_inputs, shape.overlap
    means, deviations, chain = [mean], [deviation], 1.0
    while len(means) < depth and shared < 0.9:
        moments = phi.moments(means[-1], deviations[-1])
        together = phi.correlation(means[-1], deviations[-1], shared)
        kept = (1 - together) / inputs + together
        chain *= gain**2 * moments.square_slope
        means.append(gain * moments.mean + bias)
        deviations.append(gain * math.sqrt(moments.variance * kept))
        shared = ((1 - together) * shape.overlap / inputs + together) / kept
        if not 0 < deviations[-1] < 20:
            break
    squares, weight = _repeat(phi, means, deviations, gain, bias, depth, points)
    chain *= float(weight @ squares)
    # Of an independent cotangent one part in fan_in is common to all units and comes through; the
    # rest is divided by the effective inputs at each layer.
    square = chain / shape.fan_in
    if depth > 1:
        apart = max(1 / inputs - 1 / shape.fan_in, 0.0)
        square *= 1 + apart
        square += chain * apart ** (depth - 1)
    stack = _finished(means, deviations, math.sqrt(square), depth)
    return replace(stack, slopes=squares, likely=weight) if depth > 1 else stack


def _repeat(phi, means, deviations, gain, bias, depth, points, keeps=1.0, common=0.0):
    """Carries one scalar map on from the last layer of two lists, which it extends, to `depth`.

    A unit takes a share `keeps` of its input from one unit and the rest from the mean of all. A
    share `common` of the variance is common to all units and not diluted.

    Returns:
        The squares of the map's slope, and how likely they are.
    """
    x, weight = _nodes(points)
    z, slope = means[-1] + deviations[-1] * x, np.ones_like(x)
    for layer in range(1, depth - len(means) + 1):
        values, slopes = phi(z)
        slope = slope * (gain * keeps * slopes)
        mixed = values if keeps == 1 else keeps * values + (1 - keeps) * (weight @ values)
        z = gain * mixed + bias
        center = weight @ z
        grown = 1 + common * (keeps ** (-2 * layer) - 1)
        means.append(float(center))
        deviations.append(math.sqrt(max(weight @ np.square(z - center), 0.0) * grown))
        if not np.isfinite(z).all():
            break
    return np.square(slope), weight


def _finished(means, deviations, gradient, depth):
    lacking = depth - len(means)
    if depth == 1:
        gradient = 1.0
    return Stack(
        tuple(float(m) for m in means) + (means[-1],) * lacking,
        tuple(float(d) for d in deviations) + (deviations[-1],) * lacking,
        float(gradient),
    )


def imbalance(stack: Stack, deviation: float) -> float:
    """The largest logarithm by which a signal's variance or the gradient has changed."""
    worst = [abs(2 * math.log(max(d, 1e-300) / deviation)) for d in stack.deviations]
    return max(*worst, abs(math.log(max(stack.gradient, 1e-300))), 0.0)


@functools.lru_cache(maxsize=256)
def balanced_gain(
    phi: Activation, shape: Shape, mean: float, deviation: float, depth: int
) -> float:
    """The gain at which signal and gradient change least over the depth, whichever is worse.

    One layer deep: the geometric mean of what keeps the signal and what keeps the gradient.
    """
    moments = phi.moments(mean, deviation)
    product = moments.variance / deviation**2 * moments.square_slope
    if product <= 0:
        return 1.0
    start = product**-0.25
    if depth < 2:
        return start

    def cost(log_factor):
        stack = follow(phi, shape, mean, deviation, start * math.exp(log_factor), depth)
        return imbalance(stack, deviation)

    if cost(0.0) < 1e-9:
        return start
    reach = min(8.0 / depth, 0.7)
    points = np.linspace(-reach, reach, 49)
    best = points[int(np.argmin([cost(p) for p in points]))]
    low, high = best - reach / 24, best + reach / 24
    for _ in range(18):
        third = (high - low) / 3
        if cost(low + third) < cost(high - third):
            high -= third
        else:
            low += third
    return float(start * math.exp((low + high) / 2))
