"""Numbers that describe a weight or an output."""

from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import ops

from constrainit.doctor._blocks import moments as moments_of
from constrainit.doctor._blocks import range_of
from constrainit.doctor._histogram import histogram
from constrainit.layers import OutputScale

_SATURATED = 5.0
"""Beyond this pre-activation a sigmoid or tanh counts as saturated (DeepDiagnosis, 2021)."""
_BOUNDED = ("sigmoid", "tanh")
_RECTIFIED = ("relu", "relu6")
_SMALL = 1e-15
"""A peak below which squares are no longer told apart from zero."""


@dataclass(frozen=True)
class Numbers:
    """A tensor in a few numbers, taken over its finite entries.

    Attributes:
        minimum: The least entry.
        maximum: The largest entry.
        norm: The Euclidean norm.
        nonfinite: How many entries are NaN or infinite.
        size: How many entries there are.
        bins: How many of them lie in each of equal bins between the least and the largest, counted
            over a sample if there are very many; empty if that was not asked for.
    """

    minimum: float
    maximum: float
    norm: float
    nonfinite: int
    size: int
    bins: tuple[int, ...] = ()


def numbers(value: np.ndarray, binned: bool = False) -> Numbers:
    """`value` in a few numbers, with the counts of `bins` if they are asked for."""
    found = range_of(value)
    known = binned and found.lost < value.size
    bins = histogram(value, found.low, found.high) if known else ()
    return Numbers(found.low, found.high, found.norm, found.lost, int(value.size), bins)


def range_and_numbers(value: np.ndarray) -> Numbers:
    """`value` in a few numbers, with a range that tells of infinities; NaN has no part in it."""
    found = numbers(value)
    known = value[~np.isnan(value)] if found.nonfinite else value
    if not found.nonfinite or not known.size:
        return found
    return replace(found, minimum=float(known.min()), maximum=float(known.max()))


def as_array(value) -> np.ndarray:
    """A weight or tensor of any backend in float32, or float64 if it is; no copy if none needs be.

    It is not to be kept: the backend may lend its own memory.
    """
    tensor = ops.convert_to_tensor(value)
    wide = "float64" if keras.backend.standardize_dtype(tensor.dtype) == "float64" else "float32"
    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, wide)))


def to_numpy(value) -> np.ndarray:
    """A weight or tensor of any backend and float dtype in float64."""
    return np.array(as_array(value), "float64")


def standardized(value) -> np.ndarray:
    """Examples with mean zero and deviation one in each column that varies, in float64."""
    value = to_numpy(value)
    deviation = value.std(axis=0)
    return (value - value.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


@dataclass(frozen=True)
class Output:
    """What a layer gave for the batch.

    Attributes:
        layer: The layer's name.
        kind: The layer's class.
        mean: Mean over the finite entries.
        deviation: Standard deviation over the finite entries.
        lowest: Least finite entry.
        highest: Largest finite entry.
        peak: Largest magnitude of a finite entry.
        nonfinite: Share of the entries that is NaN or infinite.
        saturated: Share of the finite entries at the flat ends of a sigmoid or tanh; None for
            others.
        dead: Share of the units that are zero for the whole batch; None unless rectified.
        spread: Largest standard deviation of one unit over the batch.
        gradient: Norm of the loss's gradient there; None if it was not looked at or the loss does
            not depend on it.
    """

    layer: str
    kind: str
    mean: float
    deviation: float
    lowest: float
    highest: float
    peak: float
    nonfinite: float
    saturated: float | None
    dead: float | None
    spread: float
    gradient: float | None = None


def summarize(value, activation: str):
    """The statistics of an output as one tensor of numbers, for use inside a traced call."""
    value = ops.cast(value, "float32")
    finite = ops.isfinite(value)
    clean = ops.where(finite, value, ops.zeros_like(value))
    held = ops.cast(finite, "float32")
    count = ops.maximum(ops.sum(held), 1.0)
    mean = ops.sum(clean) / count
    lowest, highest = ops.min(clean), ops.max(clean)
    peak = ops.maximum(highest, -lowest)
    scale = ops.maximum(peak, 1e-30)
    deviation = scale * ops.sqrt(ops.sum(held * ops.square((clean - mean) / scale)) / count)
    batch = ops.reshape(clean, (-1, value.shape[-1])) if len(value.shape) > 1 else clean[:, None]
    spread = scale * ops.max(ops.std(batch / scale, axis=0))
    known = ops.sum(held) > 0
    mean, deviation = (ops.where(known, n, float("nan")) for n in (mean, deviation))
    flat = dead = ops.zeros_like(mean)
    # Each is a pass over every output, and takes a compiler time.
    if activation in _BOUNDED:
        # What is not finite lies at no end.
        flat = ops.sum(held * ops.cast(_flat(clean, activation), "float32")) / count
    if activation in _RECTIFIED:
        still = ops.all(ops.equal(ops.reshape(value, batch.shape), 0), axis=0)
        dead = ops.mean(ops.cast(still, "float32"))
    return ops.stack([mean, deviation, lowest, highest, ops.mean(1.0 - held), flat, dead, spread])


def summarize_array(value: np.ndarray, activation: str) -> np.ndarray | None:
    """As `summarize`, of an array of NumPy; None where its fewer passes do not tell everything."""
    wide = value.astype("float32", copy=False)
    batch = wide.reshape(-1, wide.shape[-1]) if wide.ndim > 1 else wide[:, None]
    low, high = float(wide.min()), float(wide.max())
    if not np.isfinite([low, high]).all():
        return None
    # What is infinite then is not told.
    with np.errstate(over="ignore", invalid="ignore"):
        means, variances = moments_of(batch)
        deviation = np.sqrt(np.mean(variances) + np.var(means))
    flat = np.mean(_flat(wide, activation)) if activation in _BOUNDED else 0.0
    still = activation in _RECTIFIED and np.mean((means == 0) & (variances == 0))
    found = [np.mean(means), deviation, low, high, 0, flat, still, np.sqrt(np.max(variances))]
    return np.array(found) if _is_told(np.array(found)) else None


def _is_told(found):
    """Whether what was found is finite, and no square of a small entry was lost."""
    peak = np.max(np.abs(found[2:4]))
    return np.isfinite(found).all() and (peak > _SMALL or peak == 0)


def _flat(value, activation):
    if activation == "tanh":
        return abs(value) > float(np.tanh(_SATURATED))
    low = float(1 / (1 + np.exp(_SATURATED)))
    return (value < low) | (value > 1 - low)


def share_saturated(value: np.ndarray, activation: str) -> float | None:
    """The share of outputs at the flat ends of a sigmoid or tanh; None for others."""
    return float(np.mean(_flat(value, activation))) if activation in _BOUNDED else None


def as_output(
    layer: str, kind: str, activation: str, found: np.ndarray, gradient: float | None = None
) -> Output:
    """What `summarize` found, with its names."""
    mean, deviation, low, high, nonfinite, flat, dead, spread = (float(n) for n in found)
    return Output(
        layer, kind, mean, deviation, low, high, max(high, -low), nonfinite,
        saturated=flat if activation in _BOUNDED else None,
        dead=dead if activation in _RECTIFIED else None,
        spread=spread, gradient=gradient,
    )  # fmt: skip


def activation_of(layer: keras.layers.Layer) -> str:
    """The name of the activation that a layer's output comes out of, or an empty string."""
    if isinstance(layer, keras.layers.ReLU):
        return "relu"
    if isinstance(layer, keras.layers.RNN) or not hasattr(layer, "activation"):
        return ""
    activation = layer.activation
    if isinstance(activation, OutputScale):
        activation = activation.activation
    return getattr(activation, "__name__", "")
