"""The steps of a probe: what the gradient moves, what the constraints move, where it breaks."""

import math
from dataclasses import replace

import numpy as np
from keras import ops

from constrainit.doctor import _beyond, _penalty
from constrainit.doctor._averages import averages_of_members, averages_outside
from constrainit.doctor._constraints import Constraints
from constrainit.doctor._corners import corners, is_inside, passed, small_weights
from constrainit.doctor._entries import entries
from constrainit.doctor._evidence import Evidence, GradientEvidence, NegatedEvidence
from constrainit.doctor._far_points import bounds_the_loss
from constrainit.doctor._kinks import kinks
from constrainit.doctor._loss_weights import parts_of
from constrainit.doctor._losses_at import looked, loss_anew
from constrainit.doctor._mapped import note_first_step
from constrainit.doctor._own_optimizer import unknown_to_own
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import attribute
from constrainit.doctor._statistics import as_output, to_numpy
from constrainit.doctor._stuck import stuck
from constrainit.doctor._switches import switches
from constrainit.doctor._units import identical, still_twins, twins
from constrainit.doctor._use import ask_for_use, left_at_zero
from constrainit.doctor.engines._result import WEIGHT_NUMBERS
from constrainit.doctor.trace import locate, locate_constraint, lossy, negated

_GROWN = 10.0
_STILL = 1e-6
"""A loss so many times as large after the first step asks for more steps."""

_AT = {name: place for place, name in enumerate(WEIGHT_NUMBERS)}


class Training:
    """Optimizer steps on one batch, as `fit` takes them.

    Args:
        problem: What is stepped.
        constraints: The constraints of its weights.
        evidence: What is filled in.
    """

    def __init__(self, problem: Problem, constraints: Constraints, evidence: Evidence):
        self.problem, self.constraints, self.evidence = problem, constraints, evidence
        self.steps = problem.steps
        known = {id(r.variable): r for r in evidence.weights}
        self.records = [known.get(id(v)) for v in problem.trainable]

    def run(self) -> None:
        """Takes the steps; stops behind the first whose loss or weights are not finite."""
        held = [(v, v.constraint) for v in self.problem.trainable]
        # A step is taken without them, so that what they move is known by itself.
        for variable, _ in held:
            variable.constraint = None
        try:
            self._run()
        finally:
            for variable, constraint in held:
                variable.constraint = constraint

    def _run(self):
        problem = self.problem
        stepped = problem.step()
        with problem.keeping_optimizer():
            self._steps(stepped)

    def _steps(self, stepped):
        problem, evidence = self.problem, self.evidence
        evidence.unknown = self._unknown()
        evidence.rate = float(to_numpy(problem.optimizer.learning_rate))
        evidence.rates = _beyond.rates_of(problem.optimizer)
        evidence.epsilon = _beyond.epsilon_of(problem.optimizer)
        evidence.decays = _beyond.decays_of(problem.optimizer)
        evidence.overwrites = _beyond.overwrites(problem.optimizer)
        small = small_weights(self.records)
        began = _penalty.sizes(problem)
        self._weigh_penalties()
        weights = self._first(stepped)
        if self._broken(0, stepped, weights, None):
            self.steps = 1
        else:
            evidence.corners = corners(problem, self.constraints, evidence)
        same, pairs = identical(evidence.weights), twins(evidence.weights)
        index = 0
        while index < self.steps:
            index += 1
            with averages_of_members(problem, self.constraints):
                self._update(stepped, index == 1)
                self.constraints.move(problem.trainable, stepped, index == 1)
                problem.advance(stepped)
            stepped.before = []
            before, stepped = stepped, self._next(index)
            weights = self._numbers(stepped)
            if index == 1:
                self._second(stepped, weights)
            self._later(stepped, weights)
            if index == 1 and evidence.losses[1] > _GROWN * abs(evidence.losses[0]):
                self.steps += problem.more
            if evidence.fault_step is None and self._broken(index, stepped, weights, before):
                stepped = problem.step()
                break
        evidence.outputs_last = self._outputs(stepped)
        if evidence.fault_step is None:
            evidence.identical = identical(same)
            evidence.twins = still_twins(pairs, evidence.gradients)
            evidence.stuck = stuck(self.constraints, evidence)
        evidence.averages = averages_outside(problem, self.constraints, self.records)
        self.constraints.end(index)
        if evidence.fault_step is None:
            looked(problem, "weights without a use", ask_for_use, problem, evidence)
            evidence.zeros = left_at_zero(evidence)
        # What has moved already needs no further update, which takes time.
        if any(made.still for made in evidence.gradients):
            self._update(stepped)
        if evidence.fault_step is None:
            self._lossy()
            self._doubts(small)
            self._weigh_penalties()
            looked(problem, "penalties", _penalty.measure, problem, evidence, began)

    def _next(self, index):
        """The step after an update; forward only where it is dear and its gradients tell no more.

        That is so if it is the only one, and the one before it has moved each weight.
        """
        problem, known = self.problem, self.evidence.gradients
        looking = index in (1, self.steps)
        if (
            self.steps == 1
            and not _penalty.penalised(problem)
            and all(made.norm and not made.nonfinite and not made.still for made in known)
        ):
            with attribute(problem, "backward", False):
                stepped = problem.step(looking)
            if float(stepped.loss) <= _GROWN * abs(self.evidence.losses[0]):
                return stepped
        return problem.step(looking)

    def _weigh_penalties(self):
        found = _penalty.total(self.problem)
        self.evidence.penalties += [] if found is None else [found]

    def _doubts(self, small):
        """Looks further where the steps gave reason to."""
        problem, evidence = self.problem, self.evidence
        evidence.corners += passed(problem, small)
        if not problem.is_small:
            return
        held = (problem, self.constraints, evidence, small)
        evidence.switches = looked(problem, "weights of the loss", switches, *held, otherwise=[])
        evidence.rounding = looked(problem, "rounding", _beyond.rounding, problem, evidence)
        if _beyond.hardly_falls(evidence.losses):
            evidence.kinks = kinks(problem, evidence, lambda: loss_anew(problem))
        held = (problem, self.constraints, evidence.weights)
        # What raises at the steps that follow is a fault of the training.
        if _beyond.falls_away(evidence.losses) and not looked(
            problem, "a bound of the loss", bounds_the_loss, *held
        ):
            evidence.negative = {
                p.name: p.weight for p in parts_of(problem) if p.weight is not None and p.weight < 0
            }
            found = looked(problem, "negative weights", negated, problem)
            evidence.negated = None if found is None else NegatedEvidence(*found)
            _beyond.fall_on(problem, self.constraints, evidence)

    def _lossy(self):
        """The operations that lose what they are given, where something was lost."""
        problem, evidence = self.problem, self.evidence
        still = any(output.spread <= _STILL * output.peak for output in evidence.outputs)
        if not still and not any(made.never for made in evidence.gradients):
            return
        try:
            evidence.lossy = lossy(problem)
        # As where an operation is located.
        except Exception as exception:
            problem.said.append(f"operations could not be looked at ({type(exception).__name__})")

    def _first(self, stepped):
        evidence, weights = self.evidence, self._numbers(stepped)
        evidence.loss = float(stepped.loss)
        evidence.losses = [evidence.loss]
        evidence.outputs = self._outputs(stepped)
        evidence.entries = entries(self.problem, stepped, evidence.outputs)
        seen = zip(self.records, weights, stepped.connected, strict=True)
        for record, numbers_of, connected in seen:
            if record is None:
                continue
            norm = numbers_of[_AT["gradient"]] if connected else None
            made = GradientEvidence(record, norm, int(numbers_of[_AT["nonfinite"]]))
            evidence.gradients.append(made)
        return weights

    def _update(self, stepped, first=False):
        """Lets the optimizer step, and notes what moves."""
        stepped.update()
        pairs = zip(self.records, self._numbers(stepped), strict=True)
        known = [w for r, w in pairs if r is not None]
        for made, numbers_of in zip(self.evidence.gradients, known, strict=True):
            moved, size = numbers_of[_AT["moved"]], numbers_of[_AT["size"]]
            if first:
                made.moved = float(moved / size) if size > 0 else None
            made.still = made.still and not moved > 0
            made.stride = max(made.stride, _stride(made.record, numbers_of))

    def _second(self, stepped, weights):
        evidence = self.evidence
        evidence.loss_after = float(stepped.loss)
        note_first_step(evidence)
        evidence.outputs_after = self._outputs(stepped)
        evidence.nonfinite_after = [
            record.path
            for record, numbers_of in zip(self.records, weights, strict=True)
            if record is not None and numbers_of[_AT["entered"]] > 0
        ]

    def _later(self, stepped, weights):
        self.evidence.losses.append(float(stepped.loss))
        if self.problem.trainable and not stepped.connected:
            return
        known = [w for r, w in zip(self.records, weights, strict=True) if r is not None]
        for made, numbers_of in zip(self.evidence.gradients, known, strict=True):
            # A gradient that is not finite is one.
            lost = numbers_of[_AT["nonfinite"]] > 0
            made.later.append(1.0 if lost else float(numbers_of[_AT["gradient"]]))

    def _numbers(self, stepped):
        found = [np.asarray(ops.convert_to_numpy(w), "float64") for w in stepped.weights]
        for weight in found:
            weight[_AT["gradient"]] /= self.problem.loss_scale
        return found

    def _broken(self, index, stepped, weights, before):
        """Whether something is not finite at this step; notes the step and the operation."""
        problem, evidence = self.problem, self.evidence
        sound = np.isfinite(float(stepped.loss)) and not any(
            w[_AT["nonfinite"]] or w[_AT["entered"]] for w in weights
        )
        if sound:
            return False
        evidence.fault_step = index
        evidence.fault_weights = [
            record.path
            for record, w in zip(self.records, weights, strict=True)
            if record is not None and (w[_AT["nonfinite"]] or w[_AT["entered"]])
        ][::-1]
        evidence.corners = [
            replace(corner, inside=is_inside(self.constraints, corner.record))
            for corner in evidence.corners
        ]
        try:
            evidence.operation = self._of_constraint(weights, before) or locate(problem)
        # Not every operation of a backend can be run by itself: then it stays unknown.
        except Exception as exception:
            problem.said.append(f"the operation could not be located ({type(exception).__name__})")
        return True

    def _of_constraint(self, weights, before):
        """The operation in the constraint that made a finite weight something else."""
        if before is None:
            return None
        for variable, value, then, now in zip(
            self.problem.trainable, before.updated, before.weights, weights, strict=True
        ):
            constraint = self.constraints.of(variable)
            clean = float(to_numpy(then)[_AT["lost"]]) == 0
            if constraint is not None and clean and now[_AT["entered"]] > 0:
                made = self.constraints.made.get(id(variable))
                known = None if made is None else made.operation
                return known or locate_constraint(constraint, variable, value)
        return None

    def _outputs(self, stepped):
        norms: dict[int, float] = {}
        for (_, place), signal in zip(self.problem.recording.watched, stepped.signals, strict=True):
            if place is not None and signal is not None:
                norms[place] = float(signal) / self.problem.loss_scale
        named = zip(self.problem.recording.named, stepped.outputs, strict=True)
        return [
            as_output(*name, np.asarray(ops.convert_to_numpy(found)), norms.get(place))
            for place, (name, found) in enumerate(named)
        ]

    def _unknown(self):
        """The weights that the model's own optimizer does not know; a copy has been built anew."""
        lost = set(map(id, unknown_to_own(self.problem)))
        return [r for r in self.records if r is not None and id(r.variable) in lost]


def _stride(record, numbers_of):
    """The root mean square of an update, infinite where only the update is not finite."""
    lost, moved = numbers_of[_AT["lost"]], numbers_of[_AT["moved"]]
    if lost and not numbers_of[_AT["nonfinite"]] and not numbers_of[_AT["entered"]]:
        return math.inf
    return float(moved) / math.sqrt(max(math.prod(record.shape), 1)) if moved > 0 else 0.0
