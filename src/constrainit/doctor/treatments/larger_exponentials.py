"""Remedies for exponentials that are next to nothing: another start of a weight, or a factor."""

import math

import numpy as np

from constrainit.doctor._recording import is_custom
from constrainit.doctor._small_exponentials import exponents_in
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._edit_softmaxes import scaled_exponential
from constrainit.doctor.treatments._pastes import variable
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.source import edited_layer
from constrainit.doctor.treatments.starts import start_at
from constrainit.model import walk

_ABOUT = 2.0
"""By how much the mean exponent may miss minus one."""


def by_their_start(problem, evidence, found):
    """A weight of each layer from which its exponents are about minus one.

    As a factor of the exponent, as a width that it is divided by, and as a logarithm of either.
    """
    made, codes, said = evidence.small_exponentials, [], []
    for name in made.layers if made else ():
        records = [r for r in walk(problem.model) if r.layer.name == name and is_custom(r.layer)]
        # What is the fewest numbers is how wide they are, and not where.
        for record in sorted(records, key=lambda r: (len(r.shape), math.prod(r.shape))):
            way = _way(problem, record, -made.exponents[2]) if record.variable.trainable else None
            if way is not None:
                done, text = way
                codes.append(f"{variable(problem, record)}.assign({text})")
                numbers = to_numpy(record.variable)
                size = f" (to {numbers.min():.3g})" if np.ptp(numbers) < 1e-6 else ""
                said.append(f"{record.path} {done}{size}")
                break
    if not said:
        return None
    return Changed(
        f"a start of {'; '.join(said)}, from which exponents are about -1", code="\n".join(codes)
    )


def _way(problem, record, mean):
    """Starts a weight so that the mean exponent is about minus one; how, None if no way is."""
    start, name = to_numpy(record.variable), variable(problem, record)
    root, log, half = math.sqrt(mean), math.log(mean), math.log(mean) / 2
    ways = [
        (start / mean, f"divided by {mean:.3g}", f"{name} / {mean:.3g}"),
        (start * root, f"times {root:.3g}", f"{name} * {root:.3g}"),
        (start * mean, f"times {mean:.3g}", f"{name} * {mean:.3g}"),
        (start - log, f"minus {log:.3g}", f"{name} - {log:.3g}"),
        (start + half, f"plus {half:.3g}", f"{name} + {half:.3g}"),
        (start + log, f"plus {log:.3g}", f"{name} + {log:.3g}"),
    ]
    for value, said, text in ways:
        start_at(record, value)
        if -_ABOUT < exponents_in(problem, record.layer.name) < -1 / _ABOUT:
            return said, text
    start_at(record, start)
    return None


def by_a_factor(problem, evidence, found):
    """The class or function of a layer that scales its exponents to about minus one."""
    made = evidence.small_exponentials
    if made is None or made.source is None:
        return None
    return edited_layer(problem, made.layers, scaled_exponential(made.source.text, made.scale))
