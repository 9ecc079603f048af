"""Weights that a step has put on the bound of their set, where nothing moves them any more."""

from typing import Any

import numpy as np

from constrainit.doctor._evidence import Evidence, StuckEvidence
from constrainit.doctor._statistics import to_numpy

_LOOKS = 3
"""So many steps in a row without any gradient are needed."""

_BESIDE = 0.01
"""How far beyond a bound is looked, relative to the largest entry or to one."""

_STILL = 1e-6


def stuck(constraints: Any, evidence: Evidence) -> list[StuckEvidence]:
    """The weights at a bound that have had a gradient, and from some step on none at all.

    Asked where the model has come to give the same for every example, which it did not at first.

    Args:
        constraints: Those of the model, whose weights are as the last step has left them.
        evidence: What the steps have shown.
    """
    first, last = evidence.outputs[-1:], evidence.outputs_last[-1:]
    came = first and last and not _is_still(first[0]) and _is_still(last[0])
    if not came or not evidence.varies:
        return []
    found = []
    for made in evidence.gradients:
        norms = np.array([made.norm or 0.0, *made.later])
        if made.nonfinite or made.record not in constraints.records or not norms.any():
            continue
        step = int(np.flatnonzero(norms)[-1]) + 1
        bound = _bound(constraints, made.record) if len(norms) - step >= _LOOKS else None
        if bound is not None:
            found.append(StuckEvidence(made.record, step, bound, len(norms) - step))
    return found


def _bound(constraints, record):
    """The bound that all entries of a weight are at, and are put back to from beyond; or None."""
    value = to_numpy(record.variable)
    if not value.size or not np.isfinite(value).all() or np.ptp(value) > 0:
        return None
    way = _BESIDE * max(float(np.abs(value).max()), 1.0)
    images = (constraints.image(record, value + side * way) for side in (1.0, -1.0))
    held = any(image is not None and np.array_equal(image, value) for image in images)
    return float(value.flat[0]) if held else None


def _is_still(output):
    return output.nonfinite == 0 and output.spread <= _STILL * output.peak
