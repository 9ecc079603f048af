"""The measurement: a stack of real `Dense` layers, what passes through it, and back."""

import contextlib
import math
import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._constrained import constrained
from constrainit.atlas._grid import DTYPES, WAYS, applies
from constrainit.initializers._plan import plan
from constrainit.layers import OutputScale
from constrainit.sets import as_set

_STEP = 2.0**-7


@dataclass(frozen=True)
class Row:
    """What was found at one layer of a stack.

    Attributes:
        depth: The layer, from 1.
        mean: Mean of the pre-activations over data and units.
        deviation: Their standard deviation over the data, averaged over units; NaN if one of them
            is not finite.
        nonfinite: Share of the pre-activations that are not finite.
        member: Whether the kernel is a member of the set.
        gradient_ratio: In the last row of a stack: root mean square of the gradient at the first
            pre-activations over that at the last, for an independent normal cotangent there.
        predicted_deviation: What `plan` says of `deviation`, for a start of this library.
        predicted_gradient_ratio: What `plan` says of `gradient_ratio`.
    """

    depth: int
    mean: float
    deviation: float
    nonfinite: float
    member: bool
    gradient_ratio: float | None = None
    predicted_deviation: float | None = None
    predicted_gradient_ratio: float | None = None


def measure(
    set: Any,
    activation: str = "relu",
    *,
    way: str = "ours",
    dtype: str = "float32",
    width: int = 256,
    batch: int = 512,
    depth: int = 50,
    seed: int = 0,
) -> list[Row]:
    """What a stack of constrained `Dense` layers does to standard normal data, layer by layer.

    Weights, biases and activations are held and computed in `dtype`. The gradient is that of the
    stored kernels at the measured pre-activations, in float64: it tells what the start does, not
    what the dtype adds on the way back.

    Args:
        set: A set, or anything that `as_set` takes.
        activation: The name of an activation of Keras.
        way: How the kernels start. `"keras"`: Glorot uniform, then projected, which is what Keras
            has after its first step. `"abs"`: the absolute value of a Glorot draw. `"clip"`: a
            Glorot draw clipped to the bounds. `"softmax"`: the softmax of a Glorot draw along the
            inputs. `"ours"`: `constrained(kernel=set, activation=activation, depth=depth)`, with
            its bias and output scale. Biases are zero in all others.
        dtype: The dtype policy of the layers.
        width: How many inputs and units each layer has.
        batch: How many samples pass.
        depth: How many layers there are.
        seed: Of weights, data and cotangent; the same draw is behind the ways but `"ours"`.

    Returns:
        One row for each layer, the first layer first.

    Raises:
        ValueError: A name is unknown, the way is not meant for the set, or a size is not positive.
    """
    a_set = as_set(set)
    for name, value, known in (("way", way, WAYS), ("dtype", dtype, DTYPES)):
        _checks.choice("measure", name, value, list(known))
    if not applies(way, a_set):
        raise _checks.fail("measure", "way", f"be one that is meant for `{a_set!r}`", way)
    width, batch = (
        _checks.count("measure", "width", width),
        _checks.count("measure", "batch", batch),
    )
    depth = _checks.count("measure", "depth", depth)
    with _settled(dtype, seed):
        kind = _our_layer if way == "ours" else _naive_layer
        layers = [kind(a_set, activation, way, width, depth, seed, n) for n in range(depth)]
        taps = [_tapped(layer) for layer in layers]
        a = ops.cast(np.random.default_rng(seed).standard_normal((batch, width), "float32"), dtype)
        for layer in layers:
            a = layer(a)
        members = [float(a_set.violation(layer.kernel)) == 0 for layer in layers]
        seen = plan(a_set, width, width, activation, depth=depth) if way == "ours" else None
    z = [_numbers(tap.seen) for tap in taps]
    cotangent = np.random.default_rng([seed, 1]).standard_normal((batch, width))
    ratio = gradient_ratio([_gain(layer) for layer in layers], z, activation, cotangent)
    return [_row(n, depth, z[n], members[n], ratio, seen) for n in range(depth)]


def _row(n, depth, z, member, ratio, seen):
    last = n == depth - 1
    with np.errstate(all="ignore"):
        return Row(
            depth=n + 1,
            mean=float(z.mean()),
            deviation=float(z.std(axis=0).mean()),
            nonfinite=float((~np.isfinite(z)).mean()),
            member=member,
            gradient_ratio=ratio if last else None,
            predicted_deviation=seen.deviations[n] if seen else None,
            predicted_gradient_ratio=seen.gradient_ratio if seen and last else None,
        )


@contextlib.contextmanager
def _settled(dtype, seed):
    """Within, layers have this dtype and draw from this seed; afterwards all is as it was."""
    policy, state = keras.config.dtype_policy(), random.getstate()
    keras.config.set_dtype_policy(dtype)
    random.seed(seed)
    try:
        # The numbers say what the warnings of a plan say.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        random.setstate(state)
        keras.config.set_dtype_policy(policy)


def _our_layer(a_set, activation, way, width, depth, seed, n):
    inputs = None if n else "data"
    start = constrained(kernel=a_set, activation=activation, depth=depth, inputs=inputs)
    layer = keras.layers.Dense(width, **start)
    layer.build((None, width))
    return layer


def _naive_layer(a_set, activation, way, width, depth, seed, n):
    glorot = keras.initializers.GlorotUniform(seed=1000 * seed + n)
    layer = keras.layers.Dense(
        width, activation=activation, kernel_initializer=glorot, kernel_constraint=a_set
    )
    layer.build((None, width))
    layer.kernel.assign(_changed(way, a_set, ops.convert_to_tensor(layer.kernel)))
    return layer


def _changed(way, a_set, w):
    if way == "keras":
        return a_set(w)
    if way == "abs":
        return ops.abs(w)
    if way == "softmax":
        return ops.softmax(w, axis=0)
    lower, upper = a_set._bounds()
    w = w if lower is None else ops.maximum(w, lower)
    return w if upper is None else ops.minimum(w, upper)


class _Tap:
    """An activation that keeps what it was last given."""

    def __init__(self, function):
        self.function, self.seen = function, None

    def __call__(self, z):
        self.seen = z
        return self.function(z)


def _tapped(layer):
    scaled = isinstance(layer.activation, OutputScale)
    owner = layer.activation if scaled else layer
    owner.activation = _Tap(owner.activation)
    return owner.activation


def _gain(layer):
    """The matrix that multiplies what comes in, the output scale included."""
    scaled = isinstance(layer.activation, OutputScale)
    return _numbers(layer.kernel) * (float(layer.activation.scale) if scaled else 1.0)


def _numbers(x):
    x = ops.cast(ops.convert_to_tensor(x), "float32")
    return np.asarray(ops.convert_to_numpy(x)).astype("float64")


def gradient_ratio(
    kernels: Sequence[np.ndarray], z: Sequence[np.ndarray], activation: str, cotangent: np.ndarray
) -> float:
    """Root mean square of the gradient at the first pre-activations over that at the last.

    Args:
        kernels: By layer, `(inputs, units)`.
        z: By layer, the pre-activations, `(batch, units)`.
        activation: The name of the activation between the layers.
        cotangent: The gradient at the last pre-activations.
    """
    gradient = cotangent
    with np.errstate(all="ignore"):
        for n in range(len(kernels) - 1, 0, -1):
            gradient = gradient @ kernels[n].T * _slopes(activation, z[n - 1])
        return math.sqrt(np.mean(np.square(gradient)) / np.mean(np.square(cotangent)))


def _slopes(activation, z):
    """Difference quotients of second order on the side away from zero, where no kink is crossed.

    At zero itself the slope is that from below: zero for relu, as in Keras.
    """
    phi = keras.activations.get(activation)
    step = np.where(z > 0, 1.0, -1.0) * np.maximum(np.abs(z), 1.0) * _STEP
    # The steps that float32 can take are those that count.
    near, far = (np.float32(z + k * step).astype("float64") for k in (1, 2))
    here, first, second = (
        _numbers(phi(ops.convert_to_tensor(np.float32(x)))) for x in (z, near, far)
    )
    return _quadratic_slope(near - z, far - z, first - here, second - here)


def _quadratic_slope(near, far, rise_near, rise_far):
    """The slope at 0 of the parabola through 0 and two points."""
    return (rise_near * far / near - rise_far * near / far) / (far - near)
