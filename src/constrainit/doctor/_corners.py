"""Weights put at the bounds of their sets: does the layer that uses them stay finite?"""

import numpy as np
from keras import ops

from constrainit.doctor._evidence import CornerEvidence
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import numbers, to_numpy
from constrainit.doctor.trace import locate

_MOST = 8
_FAR = 100.0
"""How far outside, in peaks of the weight, a point is from which a bound is looked for."""


def corners(problem, constraints, evidence) -> list[CornerEvidence]:
    """For each constrained weight of a layer that is not Keras' own a corner where it fails.

    The layers of Keras are sums of products of their weights: no value of those is outside of
    what they are defined for. Each weight is moved alone and put back.
    """
    custom = [r for r in constraints.records if is_custom(r.layer) and r.variable.trainable]
    found = []
    for record in custom[:_MOST]:
        for value, everywhere in _candidates(constraints, record):
            bad = _fails(problem, record, value)
            if bad is not None:
                text = constraints.made[id(record.variable)].text
                corner = CornerEvidence(record, text, numbers(value), everywhere, bad or None)
                found.append(corner)
                break
    return found


def _candidates(constraints, record):
    """Members with entries at the bounds, and whether all entries had to go there."""
    start = to_numpy(record.variable)
    peak = max(float(np.max(np.abs(start))), 1.0)
    draws = np.random.default_rng(0)
    some = draws.permutation(np.arange(start.size) % 2 == 0).reshape(start.shape)
    some = some if start.size > 1 else np.ones_like(some)
    noise = draws.normal(size=start.shape)
    for everywhere, where in ((False, some), (True, np.ones_like(some))):
        for far in (-np.ones_like(start), np.ones_like(start), noise):
            image = constraints.image(record, np.where(where, _FAR * peak * far, start))
            if image is None:
                continue
            # An entry that may be as large as it was made is at no bound.
            value = np.where(np.abs(image) < 0.1 * _FAR * peak, image, start)
            again = constraints.image(record, value)
            member = again is not None and np.allclose(again, value, rtol=1e-3, atol=1e-6)
            if member and not np.allclose(value, start):
                yield value, everywhere and start.size > 1


def _fails(problem, record, value):
    """The operation that fails there, False if it is not known, None if nothing fails."""
    kept = ops.copy(ops.convert_to_tensor(record.variable))
    record.variable.assign(ops.cast(value, record.dtype))
    try:
        stepped = problem.step()
        weights = [np.asarray(ops.convert_to_numpy(w)) for w in stepped.weights]
        if np.isfinite(float(stepped.loss)) and not any(w[1] for w in weights):
            return None
        return locate(problem) or False
    # A layer that refuses the value says so in its own way: Cholesky raises on some backends.
    except Exception:
        return False
    finally:
        record.variable.assign(kept)
