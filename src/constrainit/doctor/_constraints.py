"""Every constraint on a copy of its weight: what it gives, and whether it keeps that."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit._joint import Member
from constrainit._measure import measure
from constrainit._set import ConstraintSet
from constrainit.doctor._blocks import change, distance, piled
from constrainit.doctor._breaking import note_operation
from constrainit.doctor._constraint_calls import (
    counted,
    counts_held,
    describe,
    is_gradual,
    known_set,
    overrides_call,
)
from constrainit.doctor._constraint_doubts import (
    NOTICEABLE,
    as_drawn,
    fades,
    grows,
    in_turn,
    is_same,
    moved_again,
    moved_by,
)
from constrainit.doctor._evidence import ConstraintEvidence, Evidence
from constrainit.doctor._frames import fault
from constrainit.doctor._kept_tensors import kept_tensor, put_back
from constrainit.doctor._lagging import lag
from constrainit.doctor._leaps import is_by_entry, leap
from constrainit.doctor._misfits import misfits
from constrainit.doctor._own_constraints import look_at
from constrainit.doctor._state import snapshot
from constrainit.doctor._statistics import as_array, numbers, to_numpy
from constrainit.doctor._sums import divided_by_sums
from constrainit.doctor._undone import gives_signs, note_pressed, note_undone
from constrainit.doctor.engines import engine
from constrainit.doctor.engines._result import Stepped
from constrainit.model import WeightRecord, wrong_axes

_FAR = (1e4, 1e-4, 0.0)
"""How many times as large as a weight draws are that no set leaves alone but one without a use."""

_MANY = 100_000
"""Entries of a weight that more calls of its constraint take a while for."""


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
        self.records = [r for r in records if overrides_call(r.constraint)]
        self.apply = engine().compile_constraints(self.records)
        self._groups = engine().groups(self.records)
        self._start: dict[int, Any] = {}
        for record in records:
            made = ConstraintEvidence(
                record,
                *describe(record),
                start=numbers(as_array(record.variable), binned=True),
            )
            made.overrides = overrides_call(record.constraint)
            evidence.constraints.append(made)
        self.made = {id(made.record.variable): made for made in evidence.constraints}
        self._sets = {id(r.variable): known_set(r) for r in self.records}

    def of(self, variable: Any) -> Any:
        """The constraint of a variable, or None."""
        return self._held.get(id(variable))

    def known(self, record: WeightRecord) -> ConstraintSet | None:
        """The set of a weight, where the constraint is one or an exact counterpart; else None."""
        return self._sets.get(id(record.variable))

    def image(self, record: WeightRecord, value: np.ndarray) -> np.ndarray | None:
        """What one constraint makes of a value, None if it raises or gives something else."""
        group = next(group for group in self._groups if record in group)
        values = [
            ops.cast(value, r.dtype) if r is record else ops.convert_to_tensor(r.variable)
            for r in group
        ]
        image = self._at_rest(group, values)[group.index(record)]
        if isinstance(image, Exception) or tuple(image.shape) != record.shape:
            return None
        found = to_numpy(image)
        return found if np.isfinite(found).all() else None

    def outside(self, record: WeightRecord, value: Any, projected: bool) -> float:
        """How far outside a value is, before or after the constraint; 0 where that is not known."""
        if record not in self.records:
            return 0.0
        a_set = self.known(record)
        if a_set is not None:
            return float(a_set.violation(a_set.project(value) if projected else value))
        return moved_by(self.image, record, to_numpy(value), projected)

    def hold(self, variables: list[Any]) -> None:
        """Keeps the present values of variables, as the start of those that have a constraint."""
        self._start = {id(v): snapshot(v) for v in variables if self.of(v) is not None}

    def run(self) -> None:
        """Every constraint on a copy of its weight: once, again on its image, and repeated."""
        own = [one for one in self.evidence.constraints if one.custom]
        for made in [one for one in own if one.overrides]:
            made.kept, made.counted = kept_tensor(made.record), counted(made.record)
        with put_back([made.record.constraint for made in own if made.kept]):
            for group in self._groups:
                self._run(group)
            for made in own:
                look_at(made)

    def _at_rest(self, group, values):
        """What the constraints make of values, with what they count put back."""
        with counts_held((self.of(r.variable), self.made[id(r.variable)].counted) for r in group):
            return self.apply(group, values)

    def _run(self, group):
        values = [ops.convert_to_tensor(r.variable) for r in group]
        images = self._at_rest(group, values)
        for record, value, image in zip(group, values, images, strict=True):
            self._first(self.made[id(record.variable)], record, value, image)
        sound = [
            value if isinstance(image, Exception) or image.shape != value.shape else image
            for value, image in zip(values, images, strict=True)
        ]
        sound = [ops.cast(s, r.dtype) for s, r in zip(sound, group, strict=True)]
        for record, image, again in zip(group, sound, self._at_rest(group, sound), strict=True):
            made = self.made[id(record.variable)]
            if is_gradual(record.constraint) or made.image is None or isinstance(again, Exception):
                continue
            made.again = distance(as_array(again), as_array(image))
            if made.custom and not made.again <= NOTICEABLE:
                norms = in_turn(self.image, record, as_array(record.variable))
                made.grown = norms if grows(norms) else []
                made.fading = norms if fades(norms) else []
        self._measure(group, values, sound)
        self._note_idle(group)

    def _note_idle(self, group):
        """Notes the sets that leave any weight as it is, be its entries far larger or smaller."""
        left = [r for r in group if _may_be_idle(self.made[id(r.variable)])]
        for size in _FAR:
            if not left:
                return
            drawn = {id(r.variable): as_drawn(r, size) for r in left}
            values = [drawn.get(id(r.variable), ops.convert_to_tensor(r.variable)) for r in group]
            images = dict(zip(map(id, group), self._at_rest(group, values), strict=True))
            left = [r for r in left if is_same(drawn[id(r.variable)], images[id(r)])]
        for record in left:
            self.made[id(record.variable)].idle = True

    def _measure(self, group, values, images):
        """How far the starts and their images are outside, where the set is known.

        A start that its constraint leaves alone is inside, but for zero vectors, which the
        built-in constraints of Keras leave alone wherever they should be.
        """
        known = []
        evidence = [self.made[id(record.variable)] for record in group]
        for index, (record, made) in enumerate(zip(group, evidence, strict=True)):
            a_set = self.known(record)
            if a_set is None or made.image is None:
                continue
            made.violation, made.signs = 0.0, gives_signs(a_set, record)
            if made.share_moved > 0 or not made.units.get("smallest unit norm", made.start.norm):
                known.append((index, a_set))
        weights = [values[i] for i, _ in known] + [images[i] for i, _ in known]
        pairs = measure([s for _, s in known] * 2, weights)
        for at, (i, a_set) in enumerate(known):
            evidence[i].violation, nearest = pairs[at]
            evidence[i].lacking = a_set._lacking(nearest)
            # What takes its time is not meant to come to the nearest member at once.
            if not is_gradual(a_set):
                evidence[i].stuck = pairs[at + len(known)][0]
                evidence[i].bias = distance(as_array(images[i]), as_array(nearest))

    def _first(self, made, record, value, image):
        if isinstance(image, Exception):
            made.fault = fault(image)
            made.misfits = misfits(record) if made.custom else []
            return
        made.shape = tuple(image.shape)
        made.dtype = keras.backend.standardize_dtype(image.dtype)
        if made.shape != record.shape:
            made.misfits = misfits(record, made.shape) if made.custom else []
            return
        if "complex" in made.dtype:
            return
        after = as_array(image)
        axes = record.axes if record.axes is not None else tuple(range(len(record.shape) - 1))
        moved = change(as_array(value), after, axes)
        made.image = numbers(after, binned=True)
        made.share_moved, made.jump, made.violation = moved.share, moved.distance, moved.largest
        if record.axes is not None and len(record.shape) > 1:
            norms = moved.norms[0]
            made.units = {
                "smallest unit norm": float(norms.min()), "largest unit norm": float(norms.max())
            }  # fmt: skip
        made.rescaled, made.zeroed = moved.factors if axes else None, moved.zeros
        others = wrong_axes(record)
        if others is not None:
            made.across = change(as_array(value), after, others[0]).factors
        made.piled = piled(as_array(value), after)
        if made.custom:
            made.sums = divided_by_sums(as_array(value), after)
        note_operation(made, self.of(record.variable), value)

    def move(self, trainable: list[Any], stepped: Stepped, first: bool) -> None:
        """Gives the variables what a step makes of them, as the constraints that work leave it.

        After the first step it is noted how far the gradient and the constraint have moved each.
        """
        places = {id(v): place for place, v in enumerate(trainable)}
        left = set(places)
        for group in self._groups:
            if left.isdisjoint(id(r.variable) for r in group):
                continue
            at = [places.get(id(r.variable)) for r in group]
            values = [
                r.variable.value if place is None else stepped.updated[place]
                for r, place in zip(group, at, strict=True)
            ]
            images = self.apply(group, values)
            for record, place, value, image in zip(group, at, values, images, strict=True):
                if place is not None:
                    left.discard(id(record.variable))
                    self._move(record, stepped, place, value, image, first)
        for variable in trainable:
            if id(variable) in left:
                variable.assign(stepped.updated[places[id(variable)]])

    def _move(self, record, stepped, place, value, image, first):
        made = self.made[id(record.variable)]
        sound = not isinstance(image, Exception) and tuple(image.shape) == record.shape
        if sound and self.evidence.skipping is not None:
            made.taken_back = max(made.taken_back, distance(as_array(image), as_array(value)))
        if first:
            before = self._start.pop(id(record.variable), stepped.before[place])
            self._first_step(record, before, value, image if sound else None)
        elif sound:
            arrays = [as_array(one) for one in (stepped.before[place], value, image)]
            note_undone(made, self.image, *arrays)
            note_pressed(made, *arrays)
        if sound:
            note_operation(made, self.of(record.variable), value)
            engine().keep_updated(stepped, place, image)
        record.variable.assign(ops.cast(image, record.dtype) if sound else value)

    def _first_step(self, record, start, updated, image):
        made, before = self.made[id(record.variable)], as_array(start)
        made.update = distance(as_array(updated), before)
        if image is None:
            return
        after = as_array(image)
        made.step = distance(after, before)
        # What it makes of a weight that an update has lost is not its fault.
        if math.isfinite(made.update):
            made.after_step = numbers(after)
            self._start[id(record.variable)] = after

    def end(self, taken: int) -> None:
        """Whether constraints keep what they give of the weights after so many steps, and near."""
        for made in self.evidence.constraints:
            gradual = is_gradual(self.of(made.record.variable))
            partly = gradual or (made.custom and made.again > 0 and not made.changes)
            if partly and made.image is not None and made.record.variable.trainable:
                made.lag = lag(self.image, self.known(made.record), made.record, taken)
            if made.custom and made.image is not None and not gradual:
                value = to_numpy(made.record.variable)
                if not np.isfinite(value).all():
                    value = self._start.get(id(made.record.variable), value)
                made.zeros_left = float(np.mean(value == 0)) if made.idle else None
                made.later = moved_again(self.image, made.record, value)
                if max(made.again, made.later, made.repeat) <= NOTICEABLE:
                    made.leap = leap(self.image, made.record, value)
                    made.by_entry = made.leap is not None and is_by_entry(
                        self.image, made.record, value
                    )


def _may_be_idle(made):
    """Whether a set may be asked that has left a start alone."""
    still = made.image is not None and not made.share_moved
    return still and not made.custom and made.start.size <= _MANY
