"""The start of a layer: law, scale and bias, chosen for an activation and a depth."""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._compile import at_once
from constrainit._folding import Folding
from constrainit._warning import warn
from constrainit.initializers._activation import Activation, activation
from constrainit.initializers._names import DATA
from constrainit.initializers._stack import Shape, balanced_gain
from constrainit.initializers.laws import Law, Wanted

_DEEP = 4
_FAR, _FAR_IN_TIME = 30.0, 3.0
_MAY_GROW = 100.0


@dataclass(frozen=True)
class Signal:
    """What a layer's start is chosen for.

    Attributes:
        activation: The layer's own activation: a name, a callable, or None for linear.
        depth: How many such layers the signal passes, one after the other.
        inputs: What feeds the layer: `"data"`, of mean 0 and the root mean square `input_rms`, or
            the activation of the layer before; None for data if `depth` is 1, else the layer's
            own activation.
        input_rms: Root mean square of the data.
        input_correlation: Correlation of the features of the data.
        bias: Whether the layer has a bias that is free.
        output_scale: Whether the output may be scaled, where the set fixes the size of a weight.
    """

    activation: Any = None
    depth: int = 1
    inputs: Any = None
    input_rms: float = 1.0
    input_correlation: float = 0.0
    bias: bool = True
    output_scale: bool = True

    @property
    def source(self) -> Any:
        """What feeds the layer."""
        if self.inputs is not None:
            return self.inputs
        return DATA if self.depth == 1 else self.activation


@dataclass(frozen=True)
class Start:
    """A layer's start.

    Attributes:
        law: The law of the kernel.
        wanted: What was asked of the law.
        mean: Wanted mean of the pre-activation.
        deviation: Its wanted standard deviation over the data.
        gain: Wanted sum of a unit's weights for weights of one sign, else their norm; after the
            output scale.
        scale: The output scale: `z = scale * (W a + bias)`.
        bias: The bias, before the output scale.
        phi: The activation's table.
        reasons: Why it is so, in words.
        warnings: What can not be had.
        unmeasured: Those of the warnings that say that an activation was taken as linear.
    """

    law: Law
    wanted: Wanted
    mean: float
    deviation: float
    gain: float
    scale: float
    bias: float
    phi: Activation
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    unmeasured: tuple[str, ...]

    @property
    def shape(self) -> Shape:
        """The law as the recursion over depth sees it."""
        return shape_of(self.law)

    @property
    def size(self) -> float:
        """The gain that is reached."""
        return self.scale * size_of(self.law)


def _slope_far_off(phi: Activation) -> float:
    """The larger of the slopes far on either side of zero."""
    return max(abs(phi.moments(far, 0.5).slope) for far in (-8.0, 8.0))


def shape_of(law: Law) -> Shape:
    """A law without its scale, rounded so that equal laws are found again."""
    return Shape(
        law.fan_in, law.positive, round(law.effective_inputs, 6), round(law.overlap, 9)
    )  # fmt: skip


def size_of(law: Law) -> float:
    """The sum of a unit's weights if they are of one sign, else their norm."""
    return abs(law.total) if law.positive else law.norm


def table_of(function: Any) -> tuple[Activation, str]:
    """An activation's table, and a warning if it had to be taken as linear."""
    name = function if isinstance(function, str) else getattr(function, "__name__", repr(function))
    try:
        phi = activation(function)
    # A user's activation may raise anything on a plain column of numbers.
    except Exception as fault:
        return activation("linear"), (
            f"the activation {name!r} can not be measured and is taken as linear: "
            + str(fault).rstrip(".")
        )
    if phi.moments(0.0, 1.0).variance < 1e-12:
        return activation("linear"), (
            f"the activation {name!r} is constant or works across units and is taken as linear"
        )
    return phi, ""


@functools.lru_cache(maxsize=256)
def start(a_set: Any, shape: tuple[int, ...], axes: Any, signal: Signal) -> Start:
    """The start of a kernel of this shape in a set; `axes` feed one unit, if known.

    Raises:
        ValueError: An axis is empty, or `depth` is no positive integer.
    """
    _checks.not_empty("plan", "shape", shape)
    depth = _checks.count("plan", "depth", signal.depth)
    phi, trouble = table_of(signal.activation)
    reasons, lacking, unmeasured = [], [], [trouble] if trouble else []
    mean, deviation, reached = phi.operating_point(depth)
    if not reached:
        lacking.append(
            f"no operating point of {phi.name} loses less than a factor e over {depth} layers"
        )
    spread = 1.0 / depth if depth >= _DEEP else 1.0
    form = _law(a_set, shape, axes, Wanted(spread=spread, even=True))
    if not signal.bias and not form.positive:
        mean, deviation = 0.0, 1.0
    gain, level = _gain(signal, phi, form, mean, deviation, unmeasured)
    if not signal.bias and abs(gain * level) > 1e-3 * deviation and form.positive:
        gain = mean / level if mean > 0 else 1.0
        lacking.append(
            f"without a bias the mean of {phi.name} is passed on; sum of weights {gain:.3g} "
            "keeps a level, not a distribution"
        )
    wanted = Wanted(gain, gain, spread, even=True)
    law = _law(a_set, shape, axes, wanted)
    size = size_of(law)
    scale = gain / size if signal.output_scale and size > 0 else 1.0
    scale = 1.0 if abs(scale - 1.0) < 1e-6 else scale
    bias = mean / scale - law.total * level if signal.bias else 0.0
    kind = "sum" if law.positive else "norm"
    reasons.append(
        f"{kind} of a unit's weights {gain:.4g}: with pre-activations of mean {mean:.3g} and "
        f"deviation {deviation:.3g} it keeps signal and gradient best over depth {depth}"
    )
    if scale != 1.0:
        reasons.append(f"the set gives {kind} {size:.4g}, so the output is scaled by {scale:.4g}")
    elif size > 0 and not 1 / _FAR < size / gain < _FAR:
        lacking.append(_too_far(a_set, kind, size, gain, "layer"))
    growth = scale * abs(law.total) * _slope_far_off(phi)
    alike = abs(law.total) <= 1.01 * law.norm
    if depth >= _DEEP and alike and growth**depth > _MAY_GROW:
        lacking.append(
            f"where they are large, {phi.name} passes on {growth:.3g} times what units have in "
            f"common at each of {depth} layers, and the signal may grow beyond what is predicted: "
            "fit the stack to a batch by calibrate(model, x)"
        )
    if law.fan_in == 1:
        reasons.append("one weight feeds each unit: there is nothing to average over")
    return Start(
        law, wanted, mean, deviation, gain, scale, bias, phi, tuple(reasons) + law.notes,
        tuple(unmeasured + lacking), tuple(unmeasured),
    )  # fmt: skip


def _too_far(a_set, kind, size, gain, each):
    """The sentence for a set that has no member of the wanted scale."""
    way_out = "Widen the set, or keep such weights out of the recurrence"
    if each == "layer":
        way_out = (
            "Give the layer **constrained(kernel=..., activation=...), which scales the output, "
            "or widen the set"
        )
    return (
        f"{a_set!r} has no members of the wanted scale: the {kind} of a unit's weights is "
        f"{size:.4g} where {gain:.4g} would keep the signal, so each {each} multiplies it by about "
        f"{size / gain:.3g}. {way_out}"
    )


def warn_if_far(a_set, shape, axes, *, recurrent: bool = False) -> None:
    """Warns if a draw would multiply the signal by far too much or too little."""
    law = a_set._law_of(shape, axes, Wanted())
    if law is None:
        return
    size = size_of(law)
    most, each = (_FAR_IN_TIME, "step") if recurrent else (_FAR, "layer")
    if law is not None and size > 0 and not 1 / most < size < most:
        kind = "sum" if law.positive else "norm"
        warn(_too_far(a_set, kind, size, 1.0, each) + ".")


def _gain(signal, phi, form, mean, deviation, unmeasured) -> tuple[float, float]:
    """The gain, and the mean of what feeds the layer."""
    shape, source = shape_of(form), signal.source
    data = isinstance(source, str) and source == DATA
    if not data and source == signal.activation:
        gain = balanced_gain(phi, shape, mean, deviation, signal.depth)
        return gain, _or_zero(phi.moments(mean, deviation).mean)
    level, variance, correlation = 0.0, signal.input_rms**2, signal.input_correlation
    if not data:
        before, trouble = table_of(source)
        unmeasured += [trouble] if trouble else []
        moments = before.moments(*before.operating_point(signal.depth)[:2])
        level, variance, correlation = _or_zero(moments.mean), moments.variance, 0.0
    kept = 1.0 - correlation
    if form.positive:
        kept = (1.0 - correlation) / max(shape.effective_inputs, 1.0) + correlation
    return deviation / math.sqrt(max(variance * kept, 1e-12)), level


def _or_zero(mean):
    """The mean of an odd activation without its rounding."""
    return 0.0 if abs(mean) < 1e-9 else mean


def _law(a_set, shape, axes, wanted) -> Law:
    return a_set._law_of(shape, axes, wanted) or _measured(a_set, shape, axes, wanted)


def _measured(a_set, shape, axes, wanted):
    """The moments of a law without a closed form, from draws with fixed seeds."""
    from constrainit.initializers._feasible import drawn

    rows, height = a_set._rows_of(shape, axes)
    with at_once():
        draw = drawn(a_set, shape, "float32", 0, wanted, axes)
        w = ops.convert_to_numpy(Folding(shape, rows).matrix(draw)).astype("float64")
    total, norm = float(w.sum(0).mean()), float(np.sqrt(np.square(w).sum(0).mean()))
    positive = bool((w >= 0).all() or (w <= 0).all()) and bool(w.any())
    overlap = 0.0
    if positive and w.shape[1] > 1:
        both = float(np.square(w.sum(1)).sum() - np.square(w).sum())
        overlap = both / (w.shape[1] * (w.shape[1] - 1)) / norm**2
    return Law(
        f"projected draws, measured on {w.shape[1]} units", height, total, norm, _no_draw,
        positive, overlap, exact=False,
    )  # fmt: skip


def _no_draw(*_):
    raise TypeError("a measured law is drawn by its set")
