"""Layers of one class that each multiply the signal, though no kernel in them is too large."""

import itertools
import math
from dataclasses import dataclass

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import Output

_EACH = 3.0
"""Draws of the usual size have about one; what is rectified and centered may have two."""


@dataclass(frozen=True)
class EachTime:
    """Layers of the user's own that the signal passes one after the other.

    Attributes:
        outputs: What they give, in the order of execution.
        factor: By what the signal is multiplied at each of them, from the first on.
        kernels: The free kernels in them, by path.
    """

    outputs: list[Output]
    factor: float
    kernels: list[str]


def each_time(evidence: Evidence) -> EachTime | None:
    """The first class of which each layer multiplies the signal; None if there is none."""
    bounded = {made.record.path for made in evidence.constraints}
    for kind in dict.fromkeys(output.kind for output in evidence.outputs):
        outputs = [output for output in evidence.outputs if output.kind == kind]
        sizes = [math.hypot(output.mean, output.deviation) for output in outputs]
        steps = list(itertools.pairwise(sizes))
        if len(steps) < 2 or not all(a > 0 and math.isfinite(b) for a, b in steps):
            continue
        if min(b / a for a, b in steps) < _EACH:
            continue
        names = [output.layer for output in outputs]
        kernels = [
            record.path for record in evidence.weights
            if record.variable.trainable and len(record.shape) > 1 and record.path not in bounded
            and any(f"/{name}/" in f"/{record.path}" for name in names)
        ]  # fmt: skip
        # A kernel of a layer of Keras by itself has a size for its fan-in, which is looked at.
        holders = [r.layer for r in evidence.weights if r.layer.name in names]
        if kernels and all(map(is_custom, holders)):
            return EachTime(outputs, (sizes[-1] / sizes[0]) ** (1 / len(steps)), kernels)
    return None
