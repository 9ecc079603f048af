"""`plan`: what a constrained layer's start will do to the signal, before anything is trained."""

import math
from dataclasses import dataclass
from typing import Any

import keras

from constrainit import _checks
from constrainit._shown import Shown
from constrainit._signatures import explaining
from constrainit._warning import warn
from constrainit.initializers._feasible import Feasible
from constrainit.initializers._forecast import (
    adam_step,
    feature_depth,
    jump,
    overflow_depth,
    trouble,
)
from constrainit.initializers._names import check_activation, check_inputs
from constrainit.initializers._stack import follow
from constrainit.initializers._start import Signal, start

_DTYPES = ("float32", "bfloat16", "float16")

_EXACT = (
    "every draw is a member of the set, also after rounding",
    "sum, norm and effective inputs of a unit's weights are those of the law",
    "weights of one sign pass on what the inputs have in common sqrt(effective inputs) times "
    "better than what tells them apart, whatever bias or scale follows (Perron)",
    "no scale keeps both signal and gradient through an activation that is not linear: per layer "
    "they differ by the Poincare gap",
)
_HEURISTIC = (
    "pre-activations are taken as normal, or as one scalar map where units repeat one another",
    "layers are taken as independent, as wide as their inputs, the data as of mean 0",
    "the operating point loses 1/depth per layer; the gain balances signal against gradient",
    "the rounding of weights and activations is not followed: in bfloat16 deviations and gradients "
    "come out further off than in float32",
)


@dataclass(frozen=True)
class InitPlan(Shown):
    """A layer's start in a set, and what it does to a stack of such layers.

    All of it is known before a weight is drawn. Standard deviations are over the data, for one
    unit; `z` is the pre-activation, `z = output_scale * (a @ W + bias)`.

    Attributes:
        set: The set, in one line.
        fan_in: How many weights feed one unit.
        fan_out: How many units there are.
        activation: The activation's name.
        depth: How many such layers the signal passes.
        inputs: What feeds the layer: `"data"` or an activation's name.
        law: The law of the weights, in words.
        weight_mean: Mean of a weight.
        weight_deviation: Standard deviation of a weight.
        column_sum: Sum of a unit's weights.
        column_norm: Root mean square of the norm of a unit's weights.
        effective_inputs: `column_sum^2 / column_norm^2`: how many inputs a unit effectively sums.
        output_scale: What the layer's output is multiplied by; 1 where the set leaves the scale
            free.
        bias: The constant bias, before the output scale.
        mean: Wanted mean of the pre-activation.
        deviation: Its wanted standard deviation.
        forward_gain: Variance of the next pre-activation over that of this one, for features.
        backward_gain: The same for the gradient, backward.
        means: Predicted mean of the pre-activations, by layer.
        deviations: Predicted standard deviation of the pre-activations, by layer.
        gradient_ratio: Predicted root mean square of the gradient at the first pre-activations over
            that at the last, for an independent cotangent there.
        gradient_range: Where that ratio lies in 95 of 100 batches of 512 examples: where all units
            compute one function of the data, few examples may carry the gradient.
        feature_depth: By dtype, the depth at which what tells inputs apart is lost in the rounding
            of what they have in common; infinite where weights of both signs cancel.
        overflow_depth: By dtype, the depth at which the signal overflows; infinite if it does not.
        jump: How far, relative to its norm, a Glorot draw moves when it is projected onto the set:
            the jump at Keras' first step. NaN if the set can not tell.
        adam_step: How far a first step of Adam at its usual rate of 0.001 moves an entry, relative
            to the root mean square of a weight. For a free kernel of Glorot's scale it is 0.001
            times the square root of the fan-in.
        exact: The statements that are theorems, or true of each draw.
        heuristic: The statements that rest on an approximation.
        reasons: Why this start.
        warnings: What can not be had, with the number and the way out.
        feasible: The arguments of the kernel's initializer.
    """

    set: str
    fan_in: int
    fan_out: int
    activation: str
    depth: int
    inputs: str
    law: str
    weight_mean: float
    weight_deviation: float
    column_sum: float
    column_norm: float
    effective_inputs: float
    output_scale: float
    bias: float
    mean: float
    deviation: float
    forward_gain: float
    backward_gain: float
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    gradient_ratio: float
    gradient_range: tuple[float, float]
    feature_depth: dict[str, float]
    overflow_depth: dict[str, float]
    jump: float
    adam_step: float
    exact: tuple[str, ...]
    heuristic: tuple[str, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    feasible: tuple[Any, ...]

    @property
    def kernel(self) -> Feasible:
        """A new initializer for the kernel."""
        # What can not be had stands in the plan: the draw does not warn of it again.
        return Feasible(*self.feasible).over(self.feasible[0])

    @property
    def bias_initializer(self) -> keras.initializers.Initializer:
        """The bias's initializer, a constant."""
        return keras.initializers.Constant(self.bias)

    @property
    def ok(self) -> bool:
        """Whether signal and gradient are predicted to keep their scale through the depth."""
        return not self.warnings

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain Python that JSON can hold."""
        return {
            name: _plain(getattr(self, name))
            for name in self.__dataclass_fields__
            if name != "feasible"
        }

    def __str__(self) -> str:
        from constrainit.initializers._page import page

        return page(self)


@explaining
def plan(
    set: Any,
    fan_in: int,
    fan_out: int | None = None,
    activation: Any = "linear",
    *,
    depth: int = 1,
    inputs: Any = None,
    input_rms: float = 1.0,
    input_correlation: float = 0.0,
    bias: bool = True,
    output_scale: bool = True,
) -> InitPlan:
    """How a layer with weights in a set should start, and what comes of it at a depth.

    Deterministic; no weight of the layer is drawn. Sets without a closed form (a constraint of your
    own, most intersections) are measured on draws with a fixed seed.

    Args:
        set: A set, or anything that `as_set` takes.
        fan_in: How many weights feed one unit; for a convolution window times channels.
        fan_out: How many units the layer has; None for as many as inputs.
        activation: The layer's activation: a name, a callable, or None for linear.
        depth: How many such layers the signal passes, one after the other.
        inputs: What feeds the layer: `"data"`, or the activation of the layer before. None: data if
            `depth` is 1, else the layer's own activation.
        input_rms: Root mean square of the data, for a layer that they feed.
        input_correlation: Mean correlation between the features of the data.
        bias: Whether the layer has a bias that may take any value.
        output_scale: Whether the output may be scaled (`OutputScale`).

    Raises:
        ValueError: An argument is out of range, or the set has no members of this shape.

    >>> import constrainit as ci
    >>> found = ci.plan(ci.UnitNorm(), 256, activation="tanh", depth=50)
    >>> print(f"{found.output_scale:.2f} {min(found.deviations):.2f} {found.gradient_ratio:.2f}")
    1.12 0.37 1.27
    """
    from constrainit.sets.keras_builtin import set_of

    a_set = set_of("plan", "set", set)
    fan_in = _checks.count("plan", "fan_in", fan_in)
    if isinstance(fan_out, str):
        hint = f"Write activation={fan_out!r}."
        raise _checks.fail("plan", "fan_out", "be an integer or None", fan_out, hint)
    fan_out = fan_in if fan_out is None else _checks.count("plan", "fan_out", fan_out)
    if not (activation is None or isinstance(activation, str) or callable(activation)):
        wanted = "be the name of an activation, a callable or None"
        raise _checks.fail("plan", "activation", wanted, activation)
    check_activation("plan", activation)
    _checks.count("plan", "depth", depth)
    _checks.switch("plan", "bias", bias)
    _checks.switch("plan", "output_scale", output_scale)
    check_inputs("plan", inputs)
    rms = _checks.positive("plan", "input_rms", input_rms)
    correlation = _checks.number("plan", "input_correlation", input_correlation)
    if not 0 <= correlation < 1:
        raise _checks.fail("plan", "input_correlation", "lie in [0, 1)", correlation)
    signal = Signal(activation, depth, inputs, rms, correlation, bias, output_scale)
    shape = (fan_in, fan_out)
    a_set = a_set.resolve((0,))
    a_set.check_shape(shape)
    begun = start(a_set, shape, (0,), signal)
    for line in begun.unmeasured:
        warn(f"plan: {line}.")
    law, phi = begun.law, begun.phi
    stack = follow(
        phi, begun.shape, begun.mean, begun.deviation, begun.size, depth, None if bias else 0.0
    )
    moments = phi.moments(begun.mean, begun.deviation)
    bulk = begun.scale * law.norm
    return InitPlan(
        set=a_set.describe(),
        fan_in=fan_in,
        fan_out=fan_out,
        activation=phi.name,
        depth=depth,
        inputs=_name(signal.source),
        law=law.text,
        weight_mean=law.mean,
        weight_deviation=law.deviation,
        column_sum=law.total,
        column_norm=law.norm,
        effective_inputs=law.effective_inputs,
        output_scale=begun.scale,
        bias=begun.bias,
        mean=begun.mean,
        deviation=begun.deviation,
        forward_gain=bulk**2 * moments.variance / begun.deviation**2,
        backward_gain=bulk**2 * moments.square_slope,
        means=stack.means,
        deviations=stack.deviations,
        gradient_ratio=stack.gradient,
        gradient_range=stack.gradient_range,
        feature_depth={d: feature_depth(law, d) for d in _DTYPES},
        overflow_depth={d: overflow_depth(begun, stack, d) for d in _DTYPES},
        jump=jump(a_set, shape),
        adam_step=adam_step(law),
        exact=_EXACT if law.exact else _EXACT[:1] + _EXACT[2:],
        heuristic=_HEURISTIC
        if law.exact
        else (*_HEURISTIC, "the law's moments are approximate or measured"),
        reasons=begun.reasons,
        warnings=begun.warnings + trouble(begun, stack, depth),
        feasible=(a_set, None, None, activation or "linear", depth, inputs),
    )


def _name(source):
    return source if isinstance(source, str) else getattr(source, "__name__", repr(source))


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
