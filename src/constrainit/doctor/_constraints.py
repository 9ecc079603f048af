"""Every constraint on a copy of its weight: what it gives, and whether it keeps that."""

import json
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit._joint import Member
from constrainit._set import ConstraintSet, measure
from constrainit.doctor._axes import are_meant, norm_axes
from constrainit.doctor._evidence import ConstraintEvidence, Evidence
from constrainit.doctor._frames import fault
from constrainit.doctor._state import snapshot
from constrainit.doctor._statistics import numbers, to_numpy
from constrainit.doctor.engines import engine
from constrainit.model import WeightRecord
from constrainit.sets import Custom, as_set
from constrainit.sets.combine import _Applied

_FAR = 100.0
"""A weight so many times as large is more likely to be outside of its set."""


class Constraints:
    """The constraints of a model's weights, compiled once.

    Attributes:
        records: The weights whose constraint can be called.
        made: The evidence of each constrained weight, by the identity of its variable.
    """

    def __init__(self, evidence: Evidence):
        self.evidence = evidence
        known = [r for r in evidence.weights if r.constraint is not None]
        records = [r for r in known if not isinstance(r.constraint, Member)]
        self._held = {id(r.variable): r.constraint for r in known}
        self.records = [r for r in records if _overrides_call(r.constraint)]
        self.apply = engine().compile_constraints(self.records)
        self._start = {id(r.variable): snapshot(r.variable) for r in records}
        for record in records:
            made = ConstraintEvidence(
                record,
                *_describe(record),
                start=numbers(to_numpy(record.variable), binned=True),
            )
            made.overrides = _overrides_call(record.constraint)
            evidence.constraints.append(made)
        self.made = {id(made.record.variable): made for made in evidence.constraints}
        self._sets = {id(r.variable): _known_set(r) for r in self.records}

    def of(self, variable: Any) -> Any:
        """The constraint of a variable, or None."""
        return self._held.get(id(variable))

    def known(self, record: WeightRecord) -> ConstraintSet | None:
        """The set of a weight, where the constraint is one or an exact counterpart; else None."""
        return self._sets.get(id(record.variable))

    def image(self, record: WeightRecord, value: np.ndarray) -> np.ndarray | None:
        """What one constraint makes of a value, None if it raises or gives something else."""
        values = [to_numpy(r.variable) if r is not record else value for r in self.records]
        tensors = [ops.cast(v, r.dtype) for v, r in zip(values, self.records, strict=True)]
        image = self.apply(tensors)[self.records.index(record)]
        if isinstance(image, Exception) or tuple(image.shape) != record.shape:
            return None
        found = to_numpy(image)
        return found if np.isfinite(found).all() else None

    def run(self) -> None:
        """Every constraint on a copy of its weight: once, again on its image, and repeated."""
        values = [ops.convert_to_tensor(r.variable) for r in self.records]
        images = self.apply(values)
        for record, value, image in zip(self.records, values, images, strict=True):
            self._first(self.made[id(record.variable)], record, value, image)
        sound = [
            value if isinstance(image, Exception) or image.shape != value.shape else image
            for value, image in zip(values, images, strict=True)
        ]
        sound = [ops.cast(s, r.dtype) for s, r in zip(sound, self.records, strict=True)]
        for record, image, again in zip(self.records, sound, self.apply(sound), strict=True):
            made = self.made[id(record.variable)]
            # A set that is applied part of the way is meant to move its own result.
            if isinstance(record.constraint, _Applied):
                continue
            if made.fault is None and made.image is not None and not isinstance(again, Exception):
                made.again = _distance(to_numpy(again), to_numpy(image), to_numpy(image))
        self._measure(values, sound)
        for made in self.evidence.constraints:
            if made.custom:
                made.repeat = _repeat(made.record) if made.fault is None else 0.0
                made.axes = self._axes(made)
                made.saving = _saving_fault(made.record, made.repeat > 0 or bool(made.fault))

    def _measure(self, values, images):
        """How far the starts and their images are outside, where the set is known.

        A start that its constraint leaves alone is inside, but for zero vectors, which the
        built-in constraints of Keras leave alone wherever they should be.
        """
        known = []
        for index, record in enumerate(self.records):
            made, a_set = self._of(index), self.known(record)
            if a_set is None or made.image is None:
                continue
            made.violation = 0.0
            if made.share_moved > 0 or made.units.get("smallest unit norm", 1.0) == 0:
                known.append((index, a_set))
        sets, places = [s for _, s in known] * 2, [i for i, _ in known]
        weights = [values[i] for i in places] + [images[i] for i in places]
        pairs = measure(sets, weights)
        found = [violation for violation, _ in pairs]
        for at, i in enumerate(places):
            self._of(i).violation, self._of(i).stuck = found[at], found[at + len(places)]
            nearest = to_numpy(pairs[at][1])
            self._of(i).bias = _distance(to_numpy(images[i]), nearest, nearest)

    def _axes(self, made):
        """Along which axes it takes norms, where that is no meaning of the weight."""
        record = made.record
        if made.fault is not None or made.image is None or len(record.shape) < 2:
            return None
        axes = norm_axes(record, lambda value: _called(record, value))
        return None if axes is None or are_meant(record, axes) else axes

    def _of(self, index):
        return self.made[id(self.records[index].variable)]

    def _first(self, made, record, value, image):
        if isinstance(image, Exception):
            made.fault = fault(image)
            return
        made.shape = tuple(image.shape)
        made.dtype = keras.backend.standardize_dtype(image.dtype)
        if made.shape != record.shape or "complex" in made.dtype:
            return
        before, after = to_numpy(self._start[id(record.variable)]), to_numpy(image)
        made.image = numbers(after, binned=True)
        peak = np.max(np.abs(before), initial=0.0)
        with np.errstate(invalid="ignore"):
            made.share_moved = float(np.mean(~(np.abs(after - before) <= 1e-5 * peak)))
        made.jump = _distance(after, before, before)
        with np.errstate(invalid="ignore"):
            made.violation = _largest(after - before)
        made.units = _unit_norms(record, before)
        made.rescaled = _rescaled(record, before, after)
        made.zeroed = (float(np.mean(before == 0)), float(np.mean(after == 0)))

    def move(self, trainable: list[Any], updated: list[Any], first: bool) -> list[Any]:
        """The updated weights, projected by the constraints that work.

        After the first step it is noted how far the gradient and the constraint have moved each.
        """
        new = {id(v): u for v, u in zip(trainable, updated, strict=True)}
        records = [r for r in self.records if id(r.variable) in new]
        values = [new.get(id(r.variable), r.variable.value) for r in self.records]
        images = dict(zip((id(r.variable) for r in self.records), self.apply(values), strict=True))
        for record in records:
            key = id(record.variable)
            image = images[key]
            sound = not isinstance(image, Exception) and tuple(image.shape) == record.shape
            if first:
                self._first_step(record, new[key], image if sound else None)
            if sound:
                new[key] = ops.cast(image, record.dtype)
        return [new[id(v)] for v in trainable]

    def _first_step(self, record, updated, image):
        key = id(record.variable)
        made, before = self.made[key], to_numpy(self._start.pop(key))
        made.update = _distance(to_numpy(updated), before, before)
        if image is None:
            return
        after = to_numpy(image)
        made.step = _distance(after, before, before)
        # What it makes of a weight that an update has lost is not its fault.
        if math.isfinite(made.update):
            made.after_step = numbers(after)


def _overrides_call(constraint):
    return type(constraint).__call__ is not keras.constraints.Constraint.__call__


def _describe(record):
    """The constraint in one line, and whether it is the user's own."""
    try:
        a_set = as_set(record.constraint)
    except ValueError:
        return type(record.constraint).__name__, True
    if isinstance(a_set, Custom):
        own = record.constraint
        return getattr(own, "__name__", type(own).__name__), True
    return a_set.describe(), False


def _largest(moved):
    """The largest move of an entry: all that is known of a constraint of the user's own."""
    return float(np.max(np.abs(moved), initial=0.0)) if np.isfinite(moved).all() else float("nan")


def _known_set(record):
    """The set of a constraint that is one, or an exact counterpart; else None."""
    try:
        a_set = record.resolved(record.constraint)
    except ValueError:
        return None
    return None if isinstance(a_set, Custom) else a_set


def _unit_norms(record, before):
    """The range of the norms of the units, where it is known what a unit is."""
    if record.axes is None or len(record.shape) < 2:
        return {}
    norms = np.sqrt(np.sum(np.square(before), axis=record.axes))
    return {"smallest unit norm": float(norms.min()), "largest unit norm": float(norms.max())}


def _rescaled(record, before, after):
    """The range of the factors between units before and after, if they keep their direction."""
    axes = record.axes if record.axes is not None else tuple(range(len(record.shape) - 1))
    norms = [np.sqrt(np.sum(np.square(w), axis=axes)) for w in (before, after)]
    if not axes or not np.isfinite(after).all() or not all((n > 0).all() for n in norms):
        return None
    cosine = np.sum(before * after, axis=axes) / (norms[0] * norms[1])
    factors = norms[1] / norms[0]
    return (float(factors.min()), float(factors.max())) if cosine.min() > 0.999 else None


def _distance(a, b, relative_to):
    """Euclidean distance relative to a norm (to one if that is zero); NaN if not finite."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("nan")
    size = np.linalg.norm(relative_to)
    return float(np.linalg.norm(a - b) / (size if size > 0 else 1.0))


def _repeat(record):
    """How far apart two calls on equal weights are, outside of a compiled step.

    The weight and a large one, which is moved by a bound that may itself move.
    """
    apart = 0.0
    value = to_numpy(record.variable)
    peak = np.max(np.abs(value), initial=0.0)
    far = _FAR * max(peak, 1.0) * (value / peak if peak > 0 else np.ones_like(value))
    for value in (record.variable.value, far):
        try:
            weights = [keras.Variable(value, dtype=record.dtype) for _ in range(2)]
            first, second = (to_numpy(record.constraint(weight)) for weight in weights)
        # It ran inside the step; that it can not run outside is not what is asked here.
        except Exception:
            return apart
        found = _distance(first, second, first)
        apart = apart or (found if math.isfinite(found) else 0.0)
    return apart


def _called(record, value):
    """What a constraint makes of a value, outside of a compiled step."""
    try:
        found = to_numpy(record.constraint(keras.Variable(value, dtype=record.dtype)))
    # It ran inside the step; that it can not run outside is not what is asked here.
    except Exception:
        return None
    return found if found.shape == record.shape and np.isfinite(found).all() else None


def _saving_fault(record, incomparable):
    """Why Keras can not give back this constraint from a saved model, or an empty string."""
    try:
        config = json.loads(json.dumps(keras.saving.serialize_keras_object(record.constraint)))
        again = keras.saving.deserialize_keras_object(config, safe_mode=True)
    # A user's `get_config` and `from_config` may raise anything.
    except Exception as exception:
        return f"can not be loaded: {fault(exception)}"
    if not callable(again):
        return "can not be loaded: what comes back is not callable"
    if incomparable or all(
        map(np.array_equal, *(_images(record, c) for c in (record.constraint, again)))
    ):
        return ""
    return "comes back with other values: its config leaves an argument out"


def _images(record, constraint):
    """What a constraint makes of the weight, and of ones that a bound is more likely to move."""
    value, images = to_numpy(record.variable), []
    for weight in (value, -_FAR * value, 0.01 * value):
        try:
            image = to_numpy(constraint(keras.Variable(weight, dtype=record.dtype)))
        # Already reported as a constraint that raises.
        except Exception:
            image = np.zeros(0)
        images.append(np.nan_to_num(image))
    return images
