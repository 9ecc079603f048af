"""Remedies for starts that are too large: kernels of sines, and the logarithm of what is given."""

import math

import numpy as np

from constrainit._words import listed
from constrainit.doctor._losses_at import loss_now
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._pastes import variable
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import start_at
from constrainit.model import walk

_LESS = 0.1
"""A start whose loss is less than this share of the given one's is worth a look."""

_WHOLE = 1e-6


def kernels_of_sines(problem, evidence, found):
    """The kernels in front of sines, divided by how far the arguments of these deviate."""
    made = evidence.wide_sines
    if made is None or not any("sines" in finding.evidence for finding in found):
        return None
    pairs = [(record, float(f"{1 / spread:.2g}")) for record, spread in made.kernels]
    for record, factor in pairs:
        start_at(record, factor * to_numpy(record.variable))
    told = listed([f"{record.path} times {factor:g}" for record, factor in pairs])
    lines = "".join(f"    ({variable(problem, r)}, {factor:g}),\n" for r, factor in pairs)
    return Changed(
        f"a start from which the arguments of sines deviate by about one: {told}",
        code=f"for kernel, factor in [\n{lines}]:\n    kernel.assign(factor * kernel)",
    )


def logarithms(problem, evidence, found):
    """A number or vector that a layer takes the exponential of, started at its logarithm."""
    names = {finding.layer for finding in found}
    small = [
        record for record in walk(problem.model)
        if record.layer.name in names and is_custom(record.layer) and record.variable.trainable
        and len(record.shape) < 2 and math.prod(record.shape) > 0
        and to_numpy(record.variable).min() > 1
    ]  # fmt: skip
    if not small or not problem.is_small:
        return None
    problem.set_loss()
    given = loss_now(problem)
    for record in small:
        start = to_numpy(record.variable)
        start_at(record, np.log(start))
        loss = loss_now(problem)
        if np.isfinite(loss) and not abs(loss) > _LESS * abs(given):
            value = np.log(start)
            size = f" ({value.min():.3g})" if np.ptp(value) < _WHOLE else ""
            name = variable(problem, record)
            return Changed(
                f"{record.path}, whose exponential is taken, starts at the logarithm of what it "
                f"was given{size}",
                code=f"{name}.assign(keras.ops.log({name}))",
            )
        start_at(record, start)
    return None
