"""What the steps of a model's own do to its weights, as evidence."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from keras import ops

from constrainit.doctor._beyond import hardly_falls
from constrainit.doctor._constraints import Constraints
from constrainit.doctor._evidence import (
    EntryEvidence,
    Evidence,
    GradientEvidence,
    OwnEvidence,
)
from constrainit.doctor._frames import fault, line_of
from constrainit.doctor._kinks import kinks
from constrainit.doctor._own_step import OwnStep, Seen
from constrainit.doctor._own_targets import compares_all
from constrainit.doctor._problem import Problem
from constrainit.doctor._randomness import undisturbed
from constrainit.doctor._state import attribute
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor._units import identical, still_twins, twins
from constrainit.doctor._use import ASKED, UNUSED, moved_weight
from constrainit.doctor.engines import engine

_OUTSIDE = 1e-3
"""A weight is outside of its set if it is so by more than this share of its largest entry."""

_ROUNDING = 1e-5

_ALIKE = 0.02
"""Two trainings are the same if their losses differ by less than this share of what they change."""

_DOUBLED = 1e-3

_MANY = 100
"""So many steps are compared where they are cheap."""

_STOPS = ("stop_gradient", ".detach()")


class OwnTraining:
    """The steps of a model's own on one batch; the model is as before when they are over.

    Args:
        problem: Its model and the batch.
        constraints: The constraints of its weights.
        start: What is known of the weights.

    Attributes:
        own: What only such steps tell.
        evidence: What they tell of the model as any steps do.
    """

    def __init__(self, problem: Problem, constraints: Constraints, start: Evidence):
        self.problem, self.constraints, self.start = problem, constraints, start
        source = line_of(type(problem.model).train_step)
        self.own, self.evidence = OwnEvidence(source=source), Evidence()
        self.step = OwnStep(problem)
        self._gradients: dict[int, GradientEvidence] = {}

    def run(self) -> None:
        """Takes the steps; what they raise becomes evidence."""
        evidence = self.evidence
        try:
            with undisturbed(), self.step.lent():
                kept = self._steps()
            with undisturbed(), self.step.lent():
                self.step.trace()
            if kept and evidence.fault_step is None:
                self.own.adding_up = self._adding_up()
            if self.own.clipped and evidence.fault_step is None:
                self.own.spared = self._spared()
            if evidence.fault_step is None:
                self.own.pairs = compares_all(self.problem, self.step)
            self._ask_for_use()
            if self.problem.is_small and self.evidence.losses and hardly_falls(evidence.losses):
                evidence.kinks = kinks(self.problem, evidence, self._loss)
        # Whatever the user's step raises is what the doctor was called for.
        except Exception as exception:
            raised_in = self.problem.recording.raised_in
            evidence.faults["train_step"] = replace(fault(exception), layer=raised_in)
        evidence.gradients = list(self._gradients.values())

    def is_as_usual(self, usual: Evidence) -> bool:
        """Whether the step of `keras.Model` gives the same losses, all along."""
        mine, theirs = self.evidence.losses, usual.losses
        count = min(len(mine), len(theirs))
        if usual.faults or self.evidence.faults or count < 1:
            return False
        if self.evidence.fault_step != usual.fault_step or (count < 2 and usual.fault_step != 0):
            return False
        pairs = np.array([mine[:count], theirs[:count]])
        if not np.isfinite(pairs).all():
            return np.array_equal(np.isfinite(pairs[0]), np.isfinite(pairs[1]))
        near = _ALIKE * np.ptp(pairs[1]) + _ROUNDING * np.abs(pairs[1]).max()
        return bool((np.abs(pairs[0] - pairs[1]) <= near).all())

    def alone(self, usual: Evidence) -> Evidence:
        """The evidence without all that the step of `keras.Model` has told."""
        mine = self.evidence
        for made in (*usual.constraints, *usual.mapped):
            made.update = made.step = made.after_step = None
        return Evidence(
            faults=mine.faults, constraints=usual.constraints, mapped=usual.mapped,
            unattached=usual.unattached, replaced=usual.replaced,
            misplaced=usual.misplaced, dropped=usual.dropped, outputs=mine.outputs,
            outputs_after=mine.outputs_after,
            outputs_last=mine.outputs_last, gradients=mine.gradients, loss=mine.loss,
            loss_after=mine.loss_after, losses=mine.losses, nonfinite_after=mine.nonfinite_after,
            fault_step=mine.fault_step, fault_weights=mine.fault_weights, alone=usual.alone,
            assigned=usual.assigned, identical=mine.identical, twins=mine.twins,
            quantized=usual.quantized,
            data=usual.data, weights=usual.weights, made=usual.made, rate=mine.rate,
            entries=mine.entries, kinks=mine.kinks, computed=usual.computed,
            written_over=usual.written_over, graph_constants=usual.graph_constants,
            skipping=usual.skipping, late=usual.late,
        )  # fmt: skip

    def _steps(self):
        """Takes them, and says whether a gradient is kept from one to the next."""
        problem, start = self.problem, self.start
        first = {id(r.variable): to_numpy(r.variable) for r in start.weights}
        self.evidence.rate = self.step.rate
        same, pairs = identical(start.weights), twins(start.weights)
        index, kept = 0, []
        while index == 0 or (index <= problem.steps and self.evidence.fault_step is None):
            seen = self.step.take()
            kept = engine().kept_gradients(problem.trainable)
            if index == 0:
                problem.count_steps(seen.between)
            self._note(index, seen)
            index += 1
        self.own.steps = index
        self._at_the_end(first)
        if self.evidence.fault_step is None:
            self.evidence.identical = identical(same)
            self.evidence.twins = still_twins(pairs, self.evidence.gradients)
        return kept

    def _note(self, index: int, seen: Seen):
        evidence = self.evidence
        for name, value in seen.reported.items():
            self.own.reported.setdefault(name, []).append(value)
        loss = _main_loss(seen.reported)
        if loss is not None:
            evidence.losses.append(loss)
        if index == 0:
            evidence.loss, evidence.outputs = loss, seen.outputs
        if index == 1:
            evidence.loss_after, evidence.outputs_after = loss, seen.outputs
        evidence.outputs_last = seen.outputs
        weights, clipped = self.start.weights, seen.clipped
        self.own.clipped = [(r, b) for r in weights if (b := clipped.get(id(r.variable)))]
        self.own.in_vain = [r for r in weights if id(r.variable) in seen.in_vain]
        for record in weights:
            if record.variable.trainable:
                self._note_weight(index, record, seen)
        self._note_fault(index, seen)

    def _note_weight(self, index: int, record: Any, seen: Seen):
        key = id(record.variable)
        moved, size = seen.moved.get(key, (0.0, 0.0))
        if moved:
            self.own.moved.add(record.path)
        if key not in seen.gradients:
            return
        self.own.handed.add(record.path)
        norm, lost = seen.gradients[key] or (None, 0)
        if norm is not None and math.isnan(norm) and not lost:
            return
        made = self._gradients.get(key)
        if made is None:
            made = self._gradients[key] = GradientEvidence(record, norm, lost)
            made.moved = moved / size if size > 0 else None
        else:
            made.later.append(1.0 if lost else float(norm or 0.0))
        made.still = made.still and not moved

    def _note_fault(self, index: int, seen: Seen):
        evidence = self.evidence
        paths = {id(r.variable): r.path for r in self.start.weights}
        lost = [paths.get(k) for k, g in seen.gradients.items() if g is not None and g[1]]
        odd = [name for name, value in seen.reported.items() if not math.isfinite(value)]
        bad = [name for name in odd if "loss" in name]
        broken = [output.layer for output in seen.outputs if output.nonfinite]
        ruined = [paths.get(key) for key in seen.lost]
        if lost or bad or broken:
            evidence.fault_step = index
            evidence.fault_weights = [path for path in lost[::-1] if path]
        elif ruined:
            evidence.fault_step, self.own.ruined = index + 1, [path for path in ruined if path]
        self.own.bad = bad
        self.own.odd += [name for name in odd if name not in (*bad, *self.own.odd)]

    def _at_the_end(self, first):
        """Which weights have been moved out of their sets."""
        for made in self.start.constraints:
            record = made.record
            value = to_numpy(record.variable)
            moved = not np.array_equal(value, first[id(record.variable)])
            if not moved or not np.isfinite(value).all() or made.again > _ROUNDING or made.repeat:
                continue
            outside = self.constraints.outside(record, record.variable, projected=False)
            if outside > _OUTSIDE * np.abs(value).max(initial=0.0):
                self.own.outside.append((record, outside))

    def _ask_for_use(self):
        """Moves the weights that get no gradient and stay, a layer at a time: does the loss change?

        Of several losses it is not known which one should train them.
        """
        never: dict[int, list[GradientEvidence]] = {}
        for made in self._gradients.values():
            if made.never and made.still:
                never.setdefault(id(made.record.layer), []).append(made)
        model = self.problem.model
        if never and any(self.problem.recording.says(model.name, word) for word in _STOPS):
            entry = EntryEvidence(model.name, type(model).__name__, None, None, stops=True)
            self.evidence.entries.append(entry)
        for group in list(never.values())[:ASKED]:
            before, after = (_main_loss(self._reported(group, moved)) for moved in (False, True))
            if before is None or after is None:
                return
            for made in group:
                made.used = not abs(after - before) <= UNUSED * abs(before)

    def _loss(self):
        return _main_loss(self._reported([], False))

    def _reported(self, group, moved):
        """What the first step reports, with other values in some weights if they are moved."""
        draws = np.random.default_rng(0)
        with undisturbed(), self.step.lent():
            for made in group if moved else ():
                value = moved_weight(to_numpy(made.record.variable), draws)
                made.record.variable.assign(ops.cast(value, made.record.dtype))
            return self.step.take().reported

    def _spared(self):
        """The last loss as it is and with what is clipped left alone, and after how many steps."""
        steps, ends = _MANY if self.problem.is_small else self.own.steps, []
        for spares in (False, True):
            with (
                undisturbed(),
                self.step.lent(),
                attribute(self.problem, "spares_normalizations", spares),
            ):
                losses = [_main_loss(self.step.take().reported) for _ in range(steps)]
            ends.append(losses[-1])
        return None if None in ends else (*ends, steps)

    def _adding_up(self):
        """The weights whose gradient is twice as large if the same step is taken a second time."""
        with undisturbed(), self.step.lent() as put_back:
            once = self._taken()
            put_back()
            twice = self._taken()
        paths = {id(r.variable): r.path for r in self.start.weights}
        both = [(paths[key], once[key], twice.get(key)) for key in once if key in paths]
        sound = [(path, one[0], two[0]) for path, one, two in both if one and two and one[0] > 0]
        return [path for path, one, two in sound if abs(two / one - 2) <= _DOUBLED]

    def _taken(self):
        """The gradients of a step: those it hands over, and those by which it moves weights itself.

        A step that adds up several batches on purpose moves none in between.
        """
        seen = self.step.take()
        kept = engine().kept_gradients(self.problem.trainable)
        moved = [v for v in kept if seen.moved.get(id(v), (0.0, 0.0))[0]]
        norms = {id(v): (float(ops.norm(ops.reshape(v.value.grad, (-1,)))), 0) for v in moved}
        return {**norms, **seen.gradients}


def _main_loss(reported):
    """The loss that a step reports: what is called so, or the only one."""
    if "loss" in reported:
        return reported["loss"]
    found = [value for name, value in reported.items() if "loss" in name]
    return found[0] if len(found) == 1 else None
