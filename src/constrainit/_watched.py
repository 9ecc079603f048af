"""A layer whose calls are watched, and what `calibrate` does to it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from keras.src.backend import AutocastScope

from constrainit.initializers import Feasible
from constrainit.initializers._start import table_of
from constrainit.layers import OutputScale
from constrainit.model import WeightRecord
from constrainit.sets import as_set


@dataclass(frozen=True, repr=False)
class Calibrated:
    """A layer that `calibrate` looked at.

    Attributes:
        layer: The layer's path.
        mean: Mean of its pre-activations over the batch, before and after; over all calls of a
            layer that is called several times.
        deviation: Their standard deviation over the batch, for one unit, before and after; the
            geometric mean over the calls.
        wanted: The mean and the deviation that its activation wants at this depth.
        changed: What was changed: `"kernel"`, `"scale"`, `"bias"`.
        note: That the activation was taken as linear, and why; else empty.
    """

    layer: str
    mean: tuple[float, float]
    deviation: tuple[float, float]
    wanted: tuple[float, float]
    changed: tuple[str, ...]
    note: str = ""

    def __repr__(self) -> str:
        done = " and ".join(self.changed) or "nothing: neither scale nor bias is free"
        fitted = {"scale", "kernel"} & {*self.changed}
        reached = fitted or 0.5 < self.deviation[1] / self.wanted[1] < 2
        why = "its set bounds or fixes the size, see OutputScale"
        lacking = f" (wanted {self.wanted[1]:.3g}: {why})"
        # Of a mean that is zero the rounding is left.
        old, new = (
            0.0 if abs(mean) < 1e-6 * deviation else mean
            for mean, deviation in zip(self.mean, self.deviation, strict=True)
        )  # fmt: skip
        return (
            f"{self.layer}: mean {old:.3g} -> {new:.3g}, deviation "
            f"{self.deviation[0]:.3g} -> {self.deviation[1]:.3g}{'' if reached else lacking}, "
            f"changed {done}{'; ' if self.note else ''}{self.note}"
        )


class Watched:
    """A layer that is looked at in each pass, and fitted in all but the first.

    What is called once is fitted at its call, so that the layers behind it see the corrected
    output. A scale that serves several calls acts on each of them: it is fitted between passes.
    """

    def __init__(self, record: WeightRecord):
        self.record, self.layer = record, record.layer
        self.inner: Any = record.layer.activation
        self.scale = self.inner.scale if isinstance(self.inner, OutputScale) else None
        self.seen: list[_Seen] = []
        self.first: list[_Seen] = []
        self.fits = self.many = False
        self.changed: tuple[str, ...] = ()
        self.trouble = self.note = ""
        self.place = 0
        self.goal = (0.0, 1.0)

    @property
    def factor(self) -> float:
        """The output scale."""
        return 1.0 if self.scale is None else float(_numpy(self.scale))

    @property
    def bias(self) -> Any:
        """The bias, or None."""
        return getattr(self.layer, "bias", None)

    def begin(self, depth: int) -> None:
        """Settles what the activation wants, once it is known how often the layer is called."""
        begun: Any = getattr(self.layer, "kernel_initializer", None)
        if isinstance(begun, Feasible) and begun.activation is not None:
            depth = begun.depth
        phi, self.note = table_of(self.inner.activation if self.scale is not None else self.inner)
        self.goal = phi.operating_point(depth)[:2]
        self.fits, self.many = True, len(self.seen) > 1

    @contextmanager
    def watching(self, calls: Iterator[int]):
        """The layer with an activation that sees each call."""
        self.seen = []

        def looking(z):
            if not self.seen:
                self.place = next(calls)
            try:
                # In mixed precision a call sees, and on PyTorch assigns to, casts of its weights.
                with AutocastScope(None), np.errstate(invalid="ignore", over="ignore"):
                    z = self._look(z)
            except ValueError as fault:
                self.trouble = str(fault)
                raise
            return self.inner(z)

        # Past Keras' `__setattr__`, which would track the function in place of the layer.
        kept = self.layer.__dict__.get("activation")
        self.layer.__dict__["activation"] = looking
        try:
            yield
        finally:
            if kept is None:
                del self.layer.__dict__["activation"]
            else:
                self.layer.__dict__["activation"] = kept

    def _look(self, z):
        value, layer, bias = _numpy(z), self.layer, self.bias
        free = value if bias is None else value - _aligned(layer, bias, value)
        axes = _data_axes(layer, value, bias)
        spread = math.sqrt(float(np.mean(np.var(free, axis=axes))))
        if self.fits and not self.seen:
            _check_spread(self.record, free, spread)
        center = np.mean(free, axis=axes, keepdims=True)
        seen = _Seen(self.factor * float(value.mean()), self.factor * spread, spread, center)
        self.seen.append(seen)
        if not self.fits:
            return z
        if not self.first or (self.many and len(self.first) < len(self.seen)):
            self.first.append(seen)
        if self.many:
            return z
        growth = self._fit(self.goal[1] / max(seen.deviation, 1e-30), 1.0)
        after = growth * free
        if bias is not None:
            after = after + _aligned(layer, bias, value)
        now = self.factor
        spread = now * math.sqrt(float(np.mean(np.var(after, axis=axes))))
        self.seen[-1] = _Seen(now * float(after.mean()), spread, growth * seen.spread, center)
        return ops.cast(ops.convert_to_tensor(after.astype("float32")), z.dtype)

    def _fit(self, wanted, share):
        """Multiplies the scale, and moves the bias by a share of the way; the kernel's growth."""
        growth, changed = 1.0, []
        if self.scale is not None:
            self.scale.assign(self.factor * wanted)
            changed.append("scale")
        elif as_set(self.record.constraint).is_cone:
            growth = _grow(self.record, wanted)
            changed.append("kernel")
        if self.bias is not None:
            rank = self.seen[0].center.ndim
            # A call behind one that overflows says nothing.
            centers = [s.center for s in self.seen if np.isfinite(s.center).all()]
            middle = np.mean(centers or [np.zeros_like(self.seen[0].center)], axis=0)
            center = self.goal[0] / self.factor - growth * middle
            if share < 1:
                old = _aligned(self.layer, self.bias, middle)
                center = old + share * (center - old)
            _set_bias(self.layer, self.bias, center, rank)
            changed.append("bias")
        self.changed = tuple(changed)
        return growth

    def adjust(self) -> float:
        """Fits a layer to all of its calls; how far it still was from where it is now.

        In a row the scale acts once on the first call, twice on the second, and so on. A bias is
        added up likewise, so that it goes only as much of the way.
        """
        found = [s.deviation / self.goal[1] for s in self.seen]
        logs = [math.log(min(max(f, 1e-30), 1e30)) if f < math.inf else 69.0 for f in found]
        free = self.scale is not None or as_set(self.record.constraint).is_cone
        step = _balancing(logs) if free else 0.0
        before = None if self.bias is None else _numpy(self.bias)
        self._fit(math.exp(step), 2.0 / (len(self.seen) + 1))
        if before is None:
            return abs(step)
        moved = self.factor * float(np.max(np.abs(_numpy(self.bias) - before)))
        return max(abs(step), moved / self.goal[1])

    def row(self) -> Calibrated:
        """What was done."""
        old, new = self.first, self.seen
        return Calibrated(
            self.record.path.rsplit("/", 1)[0],
            (_mean(s.mean for s in old), _mean(s.mean for s in new)),
            (_middle(s.deviation for s in old), _middle(s.deviation for s in new)),
            self.goal,
            self.changed,
            self.note,
        )


@dataclass(frozen=True)
class _Seen:
    """Pre-activations of one call: mean and deviation, and without bias and output scale."""

    mean: float
    deviation: float
    spread: float
    center: np.ndarray


def _mean(values):
    return float(np.mean(list(values)))


def _middle(values):
    """The geometric mean."""
    found = np.array(list(values))
    return float(found[0]) if len(found) == 1 else float(np.exp(np.log(found + 1e-30).mean()))


def _balancing(logs):
    """The `t` at which the squares of `logs[i] + (i + 1) t` have the smallest sum."""
    times = np.arange(1, len(logs) + 1)
    return -float(times @ logs) / float(times @ times)


def _numpy(z):
    return np.asarray(ops.convert_to_numpy(ops.cast(z, "float32")), "float64")


def _check_spread(record, free, spread):
    size = float(np.abs(free).max())
    if not math.isfinite(spread) or not spread > 1e-6 * size:
        layer = record.path.rsplit("/", 1)[0]
        if not math.isfinite(size):
            raise ValueError(
                f"`x` of `calibrate` must be a batch for which all layers give finite numbers. "
                f"Received: one for which the output of {layer!r} is not finite, before its "
                "activation. constrainit.diagnose(model, x) says what overflows or is undefined."
            )
        if len(free) == 1:
            raise ValueError(
                "`x` of `calibrate` must hold several examples. Received: a batch of one. A few "
                "hundred are enough."
            )
        raise ValueError(
            f"`x` of `calibrate` must tell examples apart in every layer. Received: a batch for "
            f"which the output of {layer!r} is the same for all examples. Use more examples. If "
            "kernels are zero, or layers before it saturated or dead, draw them anew: give the "
            "layers **constrainit.constrained(kernel=..., activation=...)."
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
