"""Weights put at the bounds of their sets: does the layer that uses them stay finite?"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._evidence import CornerEvidence
from constrainit.doctor._far_points import at_bound, is_apart, scales_units
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import numbers, to_numpy
from constrainit.doctor.trace import locate
from constrainit.sets import NormRange

_MOST = 8
_SMALL = 1 << 16
"""The most entries of a weight without a set that is looked at."""

_TOUCHED = ("sqrt", "norm", "abs", "sign")
"""Operations that have a value at zero, and a kink or a steep slope there."""

_BESIDE = 1e-3
"""How far a weight is moved, relative to its peak, to see whether it is at a bound."""

_ROUNDING = 1e-6
_FAR = 100.0
"""How far outside, in peaks of the weight, a point is from which a bound is looked for."""


def corners(problem, constraints, evidence) -> list[CornerEvidence]:
    """For each constrained weight that may be at fault a corner of its set where the model fails.

    The layers of Keras are sums of products of their weights: no value of those is outside of
    what they are defined for. What the user's own layers and losses make of the sums may be; for
    these, the weights of Keras' layers are looked at whose set is bounded as a whole. Each weight
    is moved alone and put back.
    """
    trained = [r for r in constraints.records if r.variable.trainable]
    custom = [r for r in trained if is_custom(r.layer)]
    others = [r for r in trained if not is_custom(r.layer)] if _has_own_parts(problem) else []
    found = []
    for record in (custom + others)[:_MOST]:
        best = None
        for value, everywhere, bad in _failing(problem, constraints, record):
            if best is None or not everywhere:
                text = constraints.made[id(record.variable)].text
                at, far = numbers(value), _distance(to_numpy(record.variable), value)
                best = CornerEvidence(record, text, at, everywhere, bad or None, far=far)
            if not everywhere:
                break
        found += [] if best is None else [best]
    return found


def _distance(start, value):
    """How far the nearest of the entries that are elsewhere than at the start is from there."""
    away = np.abs(np.asarray(value, "float64") - start)
    return float(np.min(away[away > _ROUNDING * np.abs(start).max()], initial=np.inf))


def is_inside(constraints, record) -> bool:
    """Whether a weight is at no bound of its set: small moves of all entries stay in it."""
    value = to_numpy(record.variable).astype("float64")
    if not np.isfinite(value).all():
        return False
    draw = np.random.default_rng(0).choice([-1.0, 1.0], size=value.shape)
    move = _BESIDE * max(np.abs(value).max(initial=0.0), _BESIDE) * draw
    images = [(value + way, constraints.image(record, value + way)) for way in (move, -move)]
    return all(
        image is not None and np.abs(image - moved).max() < 0.1 * np.abs(move).max()
        for moved, image in images
    )


def _failing(problem, constraints, record):
    """Members where the model fails, whether all entries had to go there, and what fails."""
    bounded = False
    for value, alone in at_bound(constraints, record):
        bounded, bad = True, fails(problem, record, value)
        if bad is None:
            continue
        seen = ((one, fails(problem, record, one)) for one in alone)
        single = next((pair for pair in seen if pair[1] is not None), None)
        yield (value, True, bad) if single is None else (single[0], False, single[1])
    value = _entry_at_zero(constraints, record) if is_custom(record.layer) else None
    if value is not None:
        bad = fails(problem, record, value)
        if bad is not None:
            yield value, False, bad
            return
    # Such units are looked at by now, in directions that no two of them have both.
    if is_custom(record.layer) and not (bounded and scales_units(constraints, record)):
        for value, everywhere in _candidates(constraints, record):
            bad = fails(problem, record, value)
            if bad is not None:
                yield value, everywhere, bad


def _entry_at_zero(constraints, record):
    """A vector whose norm has a lower bound, with zero in one place; None for all others.

    A lower bound of the norm keeps no entry of a vector from zero, for which it is often meant.
    """
    a_set, start = constraints.known(record), to_numpy(record.variable)
    if not isinstance(a_set, NormRange) or a_set.lower <= 0 or start.ndim != 1 or start.size < 2:
        return None
    start[np.argmin(np.abs(start))] = 0.0
    value = constraints.image(record, start)
    return None if value is None or value.all() else value


def _has_own_parts(problem):
    """Whether layers, operations between layers, or losses are not Keras' own."""
    model = problem.model
    operations = getattr(model, "operations", [])
    between = any(not isinstance(one, keras.layers.Layer) for one in operations)
    losses = (getattr(loss, "fn", loss) for loss in problem.losses())
    own = any(_is_own(loss) for loss in losses) or not problem.losses()
    return between or own or any(map(is_custom, model._flatten_layers()))


def _is_own(loss):
    module = getattr(loss, "__module__", None) or type(loss).__module__
    return module.split(".")[0] not in ("keras", "constrainit")


def small_weights(records) -> list[tuple[object, np.ndarray]]:
    """The small weights of layers that are not Keras' own, and their values."""
    own = [r for r in records if r is not None and is_custom(r.layer)]
    return [(r, to_numpy(r.variable).copy()) for r in own if math.prod(r.shape) <= _SMALL]


def passed(problem, small) -> list[CornerEvidence]:
    """The weights of which steps took entries through zero, where the layer is not defined."""
    crossed = []
    for record, start in small:
        now = to_numpy(record.variable)
        through = np.isfinite(now) & (start * now < 0)
        if through.any():
            crossed.append((record, np.where(through, 0.0, now)))
    held = [(record, ops.copy(ops.convert_to_tensor(record.variable))) for record, _ in crossed]
    try:
        for record, value in crossed[1:]:
            record.variable.assign(ops.cast(value, record.dtype))
        # All of them at once, as that is the rule: nothing fails.
        if not crossed or fails(problem, *crossed[0]) is None:
            return []
    finally:
        for record, value in held:
            record.variable.assign(value)
    found = [(r, value, fails(problem, r, value)) for r, value in crossed[:_MOST]]
    return [
        CornerEvidence(r, "", numbers(value), False, bad or None, free=True)
        for r, value, bad in found
        if bad is not None and (not bad or bad.name not in _TOUCHED)
    ]


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
            apart = member and is_apart(lambda v: constraints.image(record, v), value)
            if member and not apart and not np.allclose(value, start):
                yield value, everywhere and start.size > 1


def fails(problem: Any, record: Any, value: Any) -> Any:
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
        record.variable.assign(kept)
        return False if _steps(problem) else None
    finally:
        record.variable.assign(kept)


def _steps(problem):
    """Whether a step can be taken at all from where the weights are."""
    try:
        problem.step()
    # What it raises is told as a fault of the model.
    except Exception:
        return False
    return True
