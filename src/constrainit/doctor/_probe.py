"""One look at a model: build, forward, loss, gradients, constraints, and some steps."""

from dataclasses import replace
from typing import Any

import keras

from constrainit.doctor._beyond import beyond
from constrainit.doctor._computed import computed_once
from constrainit.doctor._constraints import Constraints
from constrainit.doctor._copies import copies, left_behind
from constrainit.doctor._data import describe_data, describe_losses
from constrainit.doctor._dropped import dropped
from constrainit.doctor._dropped_units import drops_most
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._frames import fault
from constrainit.doctor._halves import values_of
from constrainit.doctor._monotone import falling
from constrainit.doctor._own_optimizer import has_stepped
from constrainit.doctor._own_step import has_own_step
from constrainit.doctor._own_training import OwnTraining
from constrainit.doctor._plain import plain_tensors
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import is_custom
from constrainit.doctor._schedules import ends_early
from constrainit.doctor._training import Training
from constrainit.doctor._twice import bounded_twice
from constrainit.model import walk


def probe(problem: Problem) -> Evidence:
    """Measures a problem. The model's weights change; the caller restores them."""
    evidence = Evidence(weights=walk(problem.model))
    evidence.trained = has_stepped(problem.model)
    evidence.unattached = _unattached(evidence.weights)
    evidence.dropped = dropped(evidence.weights)
    evidence.quantized = _quantized(evidence.weights)
    constraints = Constraints(evidence)
    constraints.run()
    if not has_own_step(problem.model):
        _usual(problem, constraints, evidence)
        return evidence
    return _own(problem, constraints, evidence)


def _own(problem, constraints, evidence):
    """A look at the steps of the model's own, with all else if that turns out to be theirs, too."""
    training = OwnTraining(problem, constraints, evidence)
    why = "" if problem.model.compiled else "the model is not compiled"
    if not why:
        training.run()
    said, failed = len(problem.said), training.evidence.faults.get("train_step")
    if failed is not None and problem.drawn:
        why = f"it does not take what was drawn ({failed})"
    if why:
        problem.said.append(f"its own train_step is left out, as {why}: the step is Keras'")
        _usual(problem, constraints, evidence)
        return evidence
    own = training.own
    if training.evidence.losses and failed is None:
        _usual(problem, constraints, evidence)
        own.as_usual = training.is_as_usual(evidence)
    else:
        _called(problem, evidence, problem.trace_outputs)
        evidence.data = describe_data(problem)
    if not own.as_usual:
        del problem.said[said:]
        problem.said.append("the steps are those of its own train_step, and of no other")
        problem.loss_name = "the model's own"
        evidence = training.alone(evidence)
    evidence.own = own
    return evidence


def _usual(problem, constraints, evidence):
    """A look at the steps of `keras.Model`."""
    if not _called(problem, evidence, problem.set_loss):
        return
    evidence.data = describe_data(problem)
    evidence.plain = plain_tensors(problem)
    constraints.hold(problem.assigned)
    pairs, start = copies(evidence.weights), values_of(problem.model) if problem.is_small else []
    training = Training(problem, constraints, evidence)
    _stage(problem, evidence, "gradients", training.run)
    evidence.copied = left_behind(pairs)
    evidence.twice = bounded_twice(evidence, constraints.known)
    if evidence.faults or evidence.fault_step == 0:
        evidence.beyond = beyond(problem)
    evidence.losses_of = describe_losses(problem, evidence)
    if evidence.fault_step is None and not evidence.faults:
        evidence.falling = falling(problem, evidence)
        evidence.end = ends_early(problem, evidence, start)
        evidence.drops = drops_most(problem, start)


def _called(problem, evidence, trace):
    """Traces a call of the model, and notes what goes on in it; whether it does not raise."""
    sound = _stage(problem, evidence, "forward", trace)
    evidence.made, evidence.alone = problem.recording.made, problem.recording.alone
    evidence.lone = problem.recording.lone
    assigned = {id(variable) for variable in problem.assigned}
    evidence.computed = computed_once(problem, evidence.weights) if sound else []
    evidence.assigned = [r for r in evidence.weights if id(r.variable) in assigned]
    return sound


def _stage(problem: Problem, evidence: Evidence, name: str, run: Any) -> bool:
    """Runs a stage; what it raises becomes evidence."""
    try:
        run()
    # Whatever the user's model raises is what the doctor was called for.
    except Exception as exception:
        evidence.faults[name] = replace(fault(exception), layer=problem.recording.raised_in)
        return False
    return True


def _unattached(weights):
    """Weights whose layer was given a constraint that Keras never read."""
    found = []
    for record in weights:
        held = getattr(record.layer, f"{record.argument}_constraint", None)
        if held is not None and record.constraint is None and not _is_quantized(record.layer):
            found.append((record, type(held).__name__))
    return found + _held_by_layers(weights, {id(r.layer) for r, _ in found})


def _held_by_layers(weights, known):
    """Weights of layers of the user's own that hold a constraint which no weight has."""
    attached = {id(r.constraint) for r in weights}
    layers = {id(r.layer): r.layer for r in weights if is_custom(r.layer)}
    found = []
    for layer in layers.values():
        own = [r for r in weights if r.layer is layer and r.constraint is None]
        kernels = [r for r in own if len(r.shape) > 1] or own
        for value in vars(layer).values():
            is_one = isinstance(value, keras.constraints.Constraint) and id(value) not in attached
            if is_one and kernels and id(layer) not in known:
                found.append((kernels[0], type(value).__name__))
    return found


def _quantized(weights):
    """Layers that hold whole numbers in place of a weight that has a constraint."""
    found = {}
    for record in weights:
        held = getattr(record.layer, f"{record.argument}_constraint", None)
        if held is not None and record.constraint is None and _is_quantized(record.layer):
            found[record.layer.name] = type(held).__name__
    return list(found.items())


def _is_quantized(layer):
    return getattr(layer, "quantization_mode", None) is not None
