"""One number for a whole matrix that bounds all of its singular values together."""

import math

import numpy as np

from constrainit.doctor._constraint_calls import called
from constrainit.doctor._courses import course_with
from constrainit.doctor._evidence import ConstraintEvidence, Evidence, WholeNormEvidence
from constrainit.doctor._problem import Problem
from constrainit.doctor.treatments._candidates import shortest
from constrainit.sets import SpectralNorm

_FAR = 100.0
_SAME = 1e-3
_APART = 1.1
"""By how much spectral norms differ of draws that have the same norm of all entries."""

_LEFT = 0.1
"""What layers leave of a signal together that are asked."""

_STEPS = 100
_LOWER = 0.9
"""The share of a loss below which another one is lower."""


def whole_norms(problem: Problem, evidence: Evidence) -> list[WholeNormEvidence]:
    """The matrices whose constraint bounds the norm of all entries, and so keeps all from learning.

    A matrix of n equal singular values and that norm has them all 1 / sqrt(n) as large. From a
    start inside the model learns nothing of its targets, and does where the largest singular value
    has the same bound. The model is borrowed.
    """
    own = evidence.own is not None and not evidence.own.as_usual
    sound = evidence.fault_step is None and not evidence.faults and not own
    if not sound or not problem.is_small or problem.given_y is None or problem.drawn:
        return []
    if not evidence.losses or not evidence.varies:
        return []
    found = [(made, norm) for made in evidence.constraints if (norm := whole_norm(made))]
    wide = [(made.record, norm) for made, norm in found if left(made.record, norm) < 1]
    if math.prod(left(record, norm) for record, norm in wide) > _LEFT:
        return []
    given, bounded = (
        course_with(problem, evidence, constraints, _STEPS)
        for constraints in (
            [(record, record.constraint) for record, _ in wide],
            [(record, SpectralNorm(norm)) for record, norm in wide],
        )
    )
    if given is None or bounded is None or not given.is_blind or bounded.is_blind:
        return []
    # What is learnt with a high rate goes up and down.
    if not min(bounded.losses) < _LOWER * given.losses[-1]:
        return []
    ends = given.losses[0], given.losses[-1]
    ends_bounded = bounded.losses[0], min(bounded.losses)
    return [
        WholeNormEvidence(r, norm, left(r, norm), ends, ends_bounded, _STEPS) for r, norm in wide
    ]


def left(record, norm) -> float:
    """How large equal singular values are, at most, of a matrix with a norm of all its entries."""
    return norm / math.sqrt(min(record.shape))


def whole_norm(made: ConstraintEvidence) -> float | None:
    """The norm of all entries that a constraint scales any large matrix to, by one number.

    None if it does something else, as where it divides by the largest singular value.
    """
    record = made.record
    sound = made.fault is None and made.image is not None and record.variable.trainable
    if not sound or len(record.shape) != 2 or min(record.shape) < 2:
        return None
    draws, norms, largest = np.random.default_rng(0), [], []
    plain = draws.normal(size=record.shape)
    uneven = plain * 4.0 ** -np.arange(record.shape[0]).clip(max=5)[:, None]
    for draw in (plain, uneven):
        image = called(record, _FAR * draw)
        if image is None:
            return None
        factor = image / (_FAR * draw)
        if factor.min() <= 0 or np.ptp(factor) > _SAME * factor.max():
            return None
        norms.append(float(np.linalg.norm(image)))
        largest.append(float(np.linalg.norm(image, 2)))
    if np.ptp(norms) > _SAME * max(norms) or max(largest) < _APART * min(largest):
        return None
    return shortest(norms[0])
