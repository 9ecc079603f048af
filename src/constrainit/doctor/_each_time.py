"""Layers of one class that each multiply the signal, though no kernel in them is too large."""

import itertools
import math
from dataclasses import dataclass

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import Output

_EACH = 3.0
"""Draws of the usual size have about one; what is rectified and centered may have two."""

_ON_AVERAGE, _TOGETHER = 1.2, 100.0
"""What less makes of a signal, one after the other, may be as far off."""

_ADDING = "Add"

_SMALLER = (
    "start the kernels from which these layers compute what they multiply with smaller, so that "
    "what each gives is about as large as what it is given: a weight that another layer generates "
    "needs the deviation that an initializer by its own fan-in has"
)
_LESS = (
    "where each adds to what it is given, start the last kernel of what it adds at zero, or divide "
    "it by the number of such layers; or put a normalization, such as LayerNormalization, into each"
)


@dataclass(frozen=True)
class EachTime:
    """Layers of the user's own that the signal passes one after the other.

    Attributes:
        outputs: What they give, in the order of execution.
        factor: By what the signal is multiplied at each of them, from the first on.
        kernels: The free kernels in them, by path.
        last: The last of them in each, where each makes the signal a little larger, as one does
            that adds to what it is given.
    """

    outputs: list[Output]
    factor: float
    kernels: list[str]
    last: tuple[str, ...] = ()

    @property
    def advice(self) -> str:
        """What to write instead."""
        return _LESS if self.last else _SMALLER


def each_time(evidence: Evidence) -> EachTime | None:
    """The first class of which each layer multiplies the signal; None if there is none.

    Sums of Keras stand for what was computed between them.
    """
    for kind in dict.fromkeys(output.kind for output in evidence.outputs):
        outputs = [output for output in evidence.outputs if output.kind == kind]
        sizes = [math.hypot(output.mean, output.deviation) for output in outputs]
        steps = list(itertools.pairwise(sizes))
        if len(steps) < 2 or not all(a > 0 and math.isfinite(b) for a, b in steps):
            continue
        ratios, factor = [b / a for a, b in steps], (sizes[-1] / sizes[0]) ** (1 / len(steps))
        much = min(ratios) >= _EACH
        little = min(ratios) >= 1 and factor > _ON_AVERAGE and sizes[-1] > _TOGETHER * sizes[0]
        within = _between(evidence, outputs) if kind == _ADDING else _inside(evidence, outputs)
        if not (little or (much and kind != _ADDING)) or not any(within):
            continue
        kernels = [record.path for one in within for record in one]
        if much:
            return EachTime(outputs, factor, kernels)
        order = [output.layer for output in evidence.outputs]
        last = [max(one, key=lambda r: _place(order, r)).path for one in within if one]
        return EachTime(outputs, factor, kernels, tuple(last))
    return None


def _inside(evidence, outputs):
    """The free kernels inside of each of these layers; none of layers that have them themselves."""
    names = [output.layer for output in outputs]
    # A kernel of a layer of Keras by itself has a size for its fan-in, which is looked at.
    if not all(is_custom(r.layer) for r in evidence.weights if r.layer.name in names):
        return []
    free = _free(evidence)
    return [[r for r in free if f"/{name}/" in f"/{r.path}"] for name in names]


def _between(evidence, outputs):
    """The free kernels of the layers that were run between each of these and the one before."""
    order = [output.layer for output in evidence.outputs]
    places = [order.index(output.layer) for output in outputs]
    return [
        [record for record in _free(evidence) if before < _place(order, record) < place]
        for before, place in itertools.pairwise([-1, *places])
    ]


def _free(evidence):
    bounded = {made.record.path for made in evidence.constraints}
    return [
        record for record in evidence.weights
        if record.variable.trainable and len(record.shape) > 1 and record.path not in bounded
    ]  # fmt: skip


def _place(order, record):
    return order.index(record.layer.name) if record.layer.name in order else -1
