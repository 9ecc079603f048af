"""Remedies for what is rounded to nothing: smaller steps, or kernels that are wide beside them."""

import numpy as np

from constrainit._words import listed
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._pastes import variable
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.rescaled import size_before_activation
from constrainit.doctor.treatments.starts import start_at
from constrainit.model import walk

_FACTORS = tuple(float(f"{1.1**power:.3g}") for power in range(1, 73))
"""From a tenth more to about a thousand times as much."""


def steps_of_the_grid(problem, evidence, found):
    """The weights that roundings divide by, so that what is rounded goes to the end of the grid."""
    made = [one for one in evidence.rounded_away if one.record is not None]
    for one in made:
        start_at(one.record, one.value)
    if not made:
        return None
    told = listed([f"{one.record.path} {one.said}" for one in made])
    names = [variable(problem, one.record) for one in made]
    return Changed(
        f"a start from which what is rounded goes to the end of the grid: {told}",
        code="\n".join(
            f"{name}.assign({one.text.format(name)})" for name, one in zip(names, made, strict=True)
        ),
    )


def wide_beside_the_steps(problem, evidence, found):
    """The kernels of the user's own layers of which nothing is left, started wider.

    By the factor for which what goes into the activation is about one: that depends on the steps
    that the layer rounds to, which are in its code. One after the other, as one that lets nothing
    through hides those behind it.
    """
    order = [output.layer for output in evidence.outputs]
    named = [order.index(finding.layer) for finding in found if finding.layer in order]
    kernels = [
        record for record in walk(problem.model)
        if is_custom(record.layer) and record.variable.trainable and len(record.shape) > 1
        and record.layer.name in order and order.index(record.layer.name) >= min(named, default=0)
    ]  # fmt: skip
    if not kernels or not problem.is_small:
        return None
    factors = []
    for record in sorted(kernels, key=lambda record: order.index(record.layer.name)):
        start, size = to_numpy(record.variable), size_before_activation(problem, record.layer, True)
        if size > 0 or not np.any(start):
            continue
        sizes = {}
        for factor in _FACTORS:
            start_at(record, factor * start)
            sizes[factor] = size_before_activation(problem, record.layer, True)
        known = [factor for factor, size in sizes.items() if 0 < size < np.inf]
        if not known:
            start_at(record, start)
            continue
        best = min(known, key=lambda factor: abs(np.log(sizes[factor])))
        start_at(record, best * start)
        factors.append((record, best))
    if not factors:
        return None
    told = listed([f"{record.path} {factor:g} times" for record, factor in factors])
    lines = "".join(f"    ({variable(problem, r)}, {factor:g}),\n" for r, factor in factors)
    return Changed(
        f"a start as wide as the steps that kernels are rounded to, of which nothing was left: "
        f"{told} as wide",
        code=f"for kernel, factor in [\n{lines}]:\n    kernel.assign(factor * kernel)",
    )
