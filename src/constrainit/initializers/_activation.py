"""What an activation does to a normal signal: moments by quadrature, and where to run it."""

import functools
import itertools
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from constrainit import _checks
from constrainit._compile import at_once

_STEP = 2.0**-8
_REACH = 24.0
_ORDERS = 64


@dataclass(frozen=True)
class Moments:
    """Moments of `a = phi(z)` for `z` normal.

    Attributes:
        mean: `E a`.
        variance: `Var a`.
        slope: `E phi'(z)`.
        square_slope: `E phi'(z)^2`.
    """

    mean: float
    variance: float
    slope: float
    square_slope: float


class Activation:
    """An activation, tabulated on a grid that has a node at every multiple of 1/256.

    Kinks of the usual activations (0, 0.5, 1, 3, 6) fall on nodes, so that the difference quotients
    between nodes are exact there. Beyond the grid the table goes on in a straight line.

    Args:
        function: A name that `keras.activations.get` knows, None for linear, or any callable.
    """

    def __init__(self, function: Any):
        self.name, call = _named(function)
        count = int(_REACH / _STEP)
        self.nodes = np.arange(-count, count + 1) * _STEP
        self.values = _evaluate(call, self.nodes, self.name)
        self.middles = (self.nodes[1:] + self.nodes[:-1]) / 2
        self.slopes = np.diff(self.values) / _STEP
        self.at_middles = (self.values[1:] + self.values[:-1]) / 2
        self._known: dict[Any, Any] = {}

    @property
    def bounded(self) -> bool:
        """Whether both ends are flat, as those of sigmoid and tanh are."""
        ends = np.abs(self.slopes[[0, -1]])
        return bool((ends < 1e-3 * np.abs(self.slopes).max()).all())

    def __call__(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values and the slopes at any points."""
        near = np.clip(np.nan_to_num(z), -_REACH, _REACH)
        place = np.minimum(((near + _REACH) / _STEP).astype(int), len(self.slopes) - 1)
        slope = self.slopes[place]
        return self.values[place] + slope * (z - self.nodes[place]), slope

    def moments(self, mean: float, deviation: float) -> Moments:
        """The moments for pre-activations of this mean and standard deviation."""
        weight = self._weight(mean, deviation)
        # Sums of products: a threaded dot product of this size waits for its threads.
        average = float(np.sum(weight * self.at_middles))
        return Moments(
            average,
            float(np.sum(weight * np.square(self.at_middles - average))),
            float(np.sum(weight * self.slopes)),
            float(np.sum(weight * np.square(self.slopes))),
        )

    def correlation(self, mean: float, deviation: float, correlation: float) -> float:
        """The correlation of two outputs whose pre-activations have this correlation.

        By the Hermite series; what lies beyond its end is put at full correlation.
        """
        variance, series = self._series(mean, deviation)
        if variance <= 0:
            return correlation
        powers = correlation ** np.arange(1, _ORDERS + 1)
        shared = series @ powers + (variance - series.sum()) * powers[-1]
        return float(np.clip(shared / variance, -1.0, 1.0))

    def _series(self, mean, deviation):
        weight = self._weight(mean, deviation)
        x = (self.middles - mean) / deviation
        variance = self.moments(mean, deviation).variance
        before, now, series = np.zeros_like(x), np.ones_like(x), []
        for order in range(1, _ORDERS + 1):
            # Normalised Hermite polynomials, by their three-term recursion.
            before, now = now, (x * now - math.sqrt(order - 1) * before) / math.sqrt(order)
            series.append(float(np.sum(weight * now * self.at_middles)) ** 2)
        return variance, np.array(series)

    def _weight(self, mean, deviation):
        density = np.exp(-0.5 * np.square((self.middles - mean) / deviation))
        return density / density.sum()

    def gap(self, mean: float, deviation: float) -> float:
        """How much more of the variance is lost forward than backward: the Poincare gap, in [0, 1).

        `1 - Var phi(z) / (Var z * E phi'(z)^2)`. At any scale of the weights the forward gain of
        the variance over the backward gain of the gradient's is one minus this.
        """
        moments = self.moments(mean, deviation)
        most = deviation**2 * moments.square_slope
        return max(1.0 - moments.variance / most, 0.0) if most > 0 else 1.0

    def operating_point(self, depth: int) -> tuple[float, float, bool]:
        """Where to run the activation so that `depth` layers lose at most a factor e.

        The mean and standard deviation of the pre-activation at which `gap` is `1 / depth`: a
        one-sided activation is moved along, a bounded one is used on a narrower piece or, where
        it has a kink at 0 as relu6 has, moved along, too.

        Returns:
            Mean, standard deviation, and whether the gap was reached.
        """
        if depth not in self._known:
            self._known[depth] = self._find_operating_point(depth)
        return self._known[depth]

    def _find_operating_point(self, depth):
        wanted = 1.0 / depth + 1e-6
        if self.gap(0.0, 1.0) <= wanted:
            return 0.0, 1.0, True
        narrow = _first(lambda s: self.gap(0.0, s) <= wanted, 1.0, 0.05)
        if self.bounded and narrow is not None:
            return 0.0, narrow, True
        for direction in (1.0, -1.0):
            shift = _first(lambda m, d=direction: self.gap(d * m, 1.0) <= wanted, 0.0, 6.0)
            if shift is not None:
                return direction * shift, 1.0, True
        return (0.0, narrow, True) if narrow is not None else (0.0, 1.0, False)


def _first(holds: Callable[[float], bool], start: float, end: float) -> float | None:
    """The point nearest to `start`, on the way to `end`, at which a condition holds."""
    points = np.linspace(start, end, 65)
    for before, after in itertools.pairwise(points):
        if holds(after):
            for _ in range(30):
                middle = (before + after) / 2
                before, after = (before, middle) if holds(middle) else (middle, after)
            return float(after)
    return None


def _named(function):
    if isinstance(function, Activation):
        raise TypeError("already an Activation")
    if function is None:
        return "linear", keras.activations.linear
    try:
        call = keras.activations.get(function)
    except (TypeError, ValueError):
        raise _checks.fail(
            "plan", "activation", "be a name that keras.activations.get knows or a callable",
            function,
        ) from None  # fmt: skip
    name = getattr(call, "__name__", None) or getattr(call, "name", type(call).__name__)
    return str(name), call


def _evaluate(call, nodes, name):
    # A column, so that an activation that mixes the last axis sees one entry at a time.
    # Keras warns of a softmax over one entry; what is constant is told apart by its moments.
    with at_once(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        given = keras.ops.convert_to_tensor(nodes[:, None].astype("float32"))
        raw = keras.ops.convert_to_numpy(keras.ops.cast(call(given), "float32"))
    values = np.asarray(raw, "float64")
    if values.shape != (len(nodes), 1) or not np.isfinite(values).all():
        raise ValueError(
            f"`activation` {name!r} must give one finite number for each number between "
            f"{-_REACH:g} and {_REACH:g}. Received: an output of shape {values.shape} with "
            f"{int((~np.isfinite(values)).sum())} entries that are not finite."
        )
    return values[:, 0]


def activation(function: Any) -> Activation:
    """The table of an activation, made once for each name."""
    if isinstance(function, str) or function is None:
        return _cached(function or "linear")
    return Activation(function)


@functools.lru_cache(maxsize=64)
def _cached(name: str) -> Activation:
    return Activation(name)
