"""`calibrate`: the start of a built model, fitted to one batch of its data."""

import math
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src.backend import AutocastScope

from constrainit import _checks
from constrainit._joint import Member
from constrainit.initializers import Feasible
from constrainit.initializers._start import table_of
from constrainit.layers import OutputScale
from constrainit.model import WeightRecord, walk
from constrainit.sets import as_set

_CELLS = (keras.layers.LSTMCell, keras.layers.GRUCell, keras.layers.SimpleRNNCell)


@dataclass(frozen=True, repr=False)
class Calibrated:
    """A layer that `calibrate` looked at.

    Attributes:
        layer: The layer's path.
        mean: Mean of its pre-activations over the batch, before and after.
        deviation: Their standard deviation over the batch, for one unit, before and after.
        wanted: The mean and the deviation that its activation wants at this depth.
        changed: What was changed: `"kernel"`, `"scale"`, `"bias"`.
    """

    layer: str
    mean: tuple[float, float]
    deviation: tuple[float, float]
    wanted: tuple[float, float]
    changed: tuple[str, ...]

    def __repr__(self) -> str:
        done = " and ".join(self.changed) or "nothing: neither scale nor bias is free"
        reached = 0.5 < self.deviation[1] / self.wanted[1] < 2
        lacking = f" (wanted {self.wanted[1]:.3g}: its set fixes the size, see OutputScale)"
        return (
            f"{self.layer}: mean {self.mean[0]:.3g} -> {self.mean[1]:.3g}, deviation "
            f"{self.deviation[0]:.3g} -> {self.deviation[1]:.3g}{'' if reached else lacking}, "
            f"changed {done}"
        )


def calibrate(model: keras.Model, x: Any) -> list[Calibrated]:
    """Fits the scale and the bias of every layer with a constrained kernel to one batch.

    One forward pass, layer by layer: each layer's pre-activations get the mean and the deviation
    that its activation wants at its depth, and what follows sees the corrected output. Only what
    is free is touched: the bias (within its own set), an `OutputScale`, the kernel of a set that
    holds weights of any size. No weight leaves its set. Frozen layers, recurrent cells and layers
    without a constrained kernel stay as they are; so does a shared layer after its first call.

    For a model that has not been trained, with data as `fit` will see it.

    Args:
        model: A built Keras model.
        x: One batch of inputs, as the model takes them. A few hundred examples are enough.

    Returns:
        What was done, in the order in which the layers ran.

    Raises:
        ValueError: The batch is no array, is empty or holds NaN or infinities, or a layer's output
            is the same for all examples; nothing is changed.
    """
    x = _as_batch(x)
    records = [record for record in walk(model) if can_be_fitted(record)]
    _check_batch(x)
    variables = model.variables
    before = [ops.copy(ops.convert_to_tensor(v)) for v in variables]
    done: list[Calibrated] = []
    trouble: list[str] = []
    depth = len(records)
    try:
        with ExitStack() as stack:
            for record in records:
                stack.enter_context(_watched(record, depth, done, trouble))
            model(x, training=False)
    # Whatever goes wrong in the user's model, its weights must be what they were.
    except BaseException:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        # Keras would wrap the sentence in what it knows of the call.
        if trouble:
            raise ValueError(trouble[0]) from None
        raise
    return done


def can_be_fitted(record: WeightRecord) -> bool:
    """Whether a weight is a constrained kernel whose layer `calibrate` can fit."""
    layer = record.layer
    return (
        record.constraint is not None
        and not any(isinstance(getattr(v, "constraint", None), Member) for v in layer.variables)
        and record.variable.name == "kernel"
        and callable(getattr(layer, "activation", None))
        and layer.trainable
        and not isinstance(layer, _CELLS)
    )


def _as_batch(x):
    if isinstance(x, (list, tuple)) and not any(hasattr(part, "shape") for part in x):
        with suppress(TypeError, ValueError):
            return np.asarray(x, "float32")
    return x


def _check_batch(x):
    for part in keras.tree.flatten(x):
        if not getattr(part, "shape", ()):
            must = "be an array of examples, or a list or a dictionary of such"
            raise _checks.fail("calibrate", "x", must, part)
        value = np.asarray(ops.convert_to_numpy(part))
        if not value.size:
            raise ValueError(
                f"`x` of `calibrate` must hold examples. Received: shape={value.shape}."
            )
        if value.dtype.kind in "fV":
            lost = int((~np.isfinite(value.astype("float64"))).sum())
            if lost:
                raise ValueError(
                    f"`x` of `calibrate` must be finite. Received: {lost} of {value.size} numbers "
                    "are NaN or infinite."
                )


@contextmanager
def _watched(record, depth, done, trouble):
    """The layer with its activation replaced by one that fits the layer the first time."""
    layer, inner = record.layer, record.layer.activation
    seen = []

    def fitting(z):
        if not seen:
            seen.append(True)
            try:
                # In mixed precision a call sees, and on PyTorch assigns to, casts of its weights.
                with AutocastScope(None):
                    z = _fit(record, inner, z, depth, done)
            except ValueError as fault:
                trouble.append(str(fault))
                raise
        return inner(z)

    # Past Keras' `__setattr__`, which would track the function in place of the layer.
    kept = layer.__dict__.get("activation")
    layer.__dict__["activation"] = fitting
    try:
        yield
    finally:
        if kept is None:
            del layer.__dict__["activation"]
        else:
            layer.__dict__["activation"] = kept


def _fit(record, inner, z, depth, done):
    layer = record.layer
    scale = inner.scale if isinstance(inner, OutputScale) else None
    begun: Any = getattr(layer, "kernel_initializer", None)
    if isinstance(begun, Feasible) and begun.activation is not None:
        depth = begun.depth
    phi, _ = table_of(inner.activation if isinstance(inner, OutputScale) else inner)
    mean, deviation, _ = phi.operating_point(depth)
    factor = 1.0 if scale is None else float(_numpy(scale))
    bias = getattr(layer, "bias", None)
    value = _numpy(z)
    free = value if bias is None else value - _aligned(layer, bias, value)
    axes = _data_axes(layer, value, bias)
    spread = math.sqrt(float(np.mean(np.var(free, axis=axes))))
    _check_spread(record, free, spread)
    changed, wanted = [], deviation / (factor * spread)
    if scale is not None:
        factor *= wanted
        scale.assign(factor)
        changed.append("scale")
    elif as_set(record.constraint).scale_free:
        free = _grow(record, wanted) * free
        changed.append("kernel")
    after = free
    if bias is not None:
        center = mean / factor - np.mean(free, axis=axes, keepdims=True)
        after = free + _set_bias(layer, bias, center, value.ndim)
        changed.append("bias")
    old = 1.0 if scale is None else factor / wanted
    done.append(
        Calibrated(
            record.path.rsplit("/", 1)[0],
            (old * float(value.mean()), factor * float(after.mean())),
            (old * spread, factor * math.sqrt(float(np.mean(np.var(after, axis=axes))))),
            (mean, deviation),
            tuple(changed),
        )
    )
    return ops.cast(ops.convert_to_tensor(after.astype("float32")), z.dtype)


def _numpy(z):
    return np.asarray(ops.convert_to_numpy(ops.cast(z, "float32")), "float64")


def _check_spread(record, free, spread):
    size = float(np.abs(free).max())
    if not math.isfinite(spread) or not spread > 1e-6 * size:
        what = "is not finite" if not math.isfinite(size) else "is the same for all examples"
        raise ValueError(
            f"`x` of `calibrate` must tell examples apart in every layer. Received: a batch for "
            f"which the output of {record.path.rsplit('/', 1)[0]!r} {what}. Use more examples, or "
            "call `prepare(model)` first: the layers before it may be saturated or dead."
        )


def _grow(record, factor):
    """Scales the kernel within its set; what it was really multiplied by."""
    variable = record.variable
    kernel = _numpy(variable)
    grown = ops.cast(ops.convert_to_tensor((kernel * factor).astype("float32")), variable.dtype)
    variable.assign(as_set(record.resolved(record.constraint)).project(grown))
    norm = float(np.linalg.norm(kernel))
    return float(np.linalg.norm(_numpy(variable))) / norm if norm else 1.0


def _set_bias(layer, bias, center, rank):
    """Sets the bias, within its set, and gives it in the shape of the output."""
    axes = _bias_axes(layer, bias, rank)
    over = tuple(a for a in range(rank) if a not in axes)
    value = np.mean(center, axis=over).reshape(tuple(bias.shape)) if over else center
    tensor = ops.cast(ops.convert_to_tensor(value.astype("float32")), bias.dtype)
    a_set = getattr(bias, "constraint", None)
    bias.assign(tensor if a_set is None else as_set(a_set).project(tensor))
    return _aligned(layer, bias, np.empty((1,) * rank))


def _bias_axes(layer, bias, rank):
    """The axes of the output that the bias lies along."""
    if getattr(layer, "data_format", None) == "channels_first" and len(bias.shape) == 1:
        return (1,)
    return tuple(range(rank - len(bias.shape), rank))


def _aligned(layer, bias, output):
    shape = [1] * output.ndim
    for axis, size in zip(_bias_axes(layer, bias, output.ndim), bias.shape, strict=True):
        shape[axis] = size
    return _numpy(bias).reshape(shape)


def _data_axes(layer, value, bias):
    """The axes of the output that are not units."""
    if bias is not None:
        units = _bias_axes(layer, bias, value.ndim)
    else:
        units = (1,) if getattr(layer, "data_format", None) == "channels_first" else (-1,)
    units = tuple(a % value.ndim for a in units)
    return tuple(a for a in range(value.ndim) if a not in units)
