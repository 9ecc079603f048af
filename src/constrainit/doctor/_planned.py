"""How a signal goes through the layers, beside what the start plan makes of the same layer."""

import math
import warnings
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._statistics import Output, to_numpy
from constrainit.initializers._plan import plan
from constrainit.layers import OutputScale
from constrainit.model import WeightRecord
from constrainit.sets import Box, Custom

_FREE = Box(-1e3, 1e3)
"""So wide that it bounds nothing: the plan takes a set, also for weights without a constraint."""

_FIRST, _LAST = 4, 2
_SCALED = 0.01
_MODELS = ("Sequential", "Functional", "Model")

NUMBERS = ("unit_norm", "unit_sum", "planned_norm", "planned_sum", "planned_gradient_ratio")
"""The names of what the plan adds to the evidence of a finding."""


@dataclass(frozen=True)
class Planned:
    """The weights of a unit as they start, and as the plan has them.

    Attributes:
        norm: Root mean square of the norm of a unit's weights.
        total: Mean of the sum of a unit's weights.
        made: The plan for the set, the activation and the depth.
    """

    norm: float
    total: float
    made: Any

    @property
    def numbers(self) -> dict[str, Any]:
        """What there is of it for the evidence of a finding."""
        return {
            "unit_norm": self.norm, "unit_sum": self.total,
            "planned_norm": self.made.output_scale * self.made.column_norm,
            "planned_sum": self.made.output_scale * self.made.column_sum,
            "planned_gradient_ratio": self.made.gradient_ratio,
            "planned_deviations": list(self.made.deviations),
        }  # fmt: skip

    def __str__(self) -> str:
        made, numbers = self.made, self.numbers
        scaled = abs(made.output_scale - 1) > _SCALED
        of_scale = f", of which {made.output_scale:.3g} are an output scale" if scaled else ""
        low, high = min(made.deviations), max(made.deviations)
        return (
            f"A unit's weights have the norm {self.norm:.3g} and the sum {self.total:.3g}; for "
            f"{made.activation} at a depth of {made.depth} the plan (constrainit.plan) takes "
            f"{numbers['planned_norm']:.3g} and {numbers['planned_sum']:.3g}"
            f"{of_scale}: then what goes into each activation has a deviation of "
            f"{low:.3g} to {high:.3g}, and the first gradient is {made.gradient_ratio:.3g} times "
            "the last"
        )


def planned(evidence: Evidence, path: str) -> Planned | None:
    """The plan for a kernel in its model, None where it has none, as of a set of the user's own."""
    record = next((one for one in evidence.weights if one.path == path), None)
    if record is None or record.axes is None or len(record.shape) < 2:
        return None
    fed, phi = math.prod(record.shape[axis] for axis in record.axes), _activation(record)
    # A layer of the user's own may call anything its activation.
    known = phi is None or (callable(phi) and isinstance(phi, Hashable))
    if not known or not math.prod(record.shape):
        return None
    units = math.prod(record.shape) // fed
    a_set = _along_inputs(record, (fed, units))
    if a_set is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = plan(a_set, fed, units, phi, depth=_depth(evidence))
    value, axes = to_numpy(record.variable).astype("float64"), tuple(record.axes)
    norm = float(np.sqrt(np.mean(np.sum(value**2, axis=axes))))
    return Planned(norm, float(np.mean(np.sum(value, axis=axes))), made)


def by_depth(outputs: list[Output]) -> str:
    """The deviations of layers' outputs, in the order of execution."""
    values = [f"{value:.3g}" for value in deviations(outputs)]
    if len(values) > _FIRST + _LAST + 1:
        values = [*values[:_FIRST], "...", *values[-_LAST:]]
    return f"the deviations of the outputs are {', '.join(values)}"


def deviations(outputs: list[Output]) -> list[float]:
    """The deviations of layers' outputs, without those of whole models."""
    return [output.deviation for output in outputs if output.kind not in _MODELS]


def growth(outputs: list[Output]) -> float:
    """By what the deviation is multiplied at each layer, on average; NaN if that is not known."""
    found = [value for value in deviations(outputs) if value > 0]
    if len(found) < 2:
        return math.nan
    return (found[-1] / found[0]) ** (1 / (len(found) - 1))


def _activation(record: WeightRecord) -> Any:
    activation = getattr(record.layer, "activation", None)
    return activation.activation if isinstance(activation, OutputScale) else activation


def _depth(evidence):
    """How many kernels the signal passes."""
    order = {output.layer for output in evidence.outputs}
    kernels = [r for r in evidence.weights if r.layer.name in order and len(r.shape) > 1]
    return max(len({r.layer.name for r in kernels}), 1)


def _along_inputs(record, shape):
    """The set of a weight without the axes of this one, for the plan's matrix; None if none fits.

    None fits that is the user's own, that has no members of this shape, or whose axis is no axis of
    inputs, as that of ordered entries.
    """
    if record.constraint is None:
        return _FREE
    try:
        a_set = record.resolved(record.constraint)
        if isinstance(a_set, Custom):
            return None
        arguments = a_set._arguments()
        along = type(a_set)(**{**arguments, "axis": None}) if "axis" in arguments else a_set
        along.resolve((0,)).check_shape(shape)
    except ValueError:
        return None
    return along
