"""Outputs whose loss counts for nothing, although layers are trained for nothing else."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._loss_weights import (
    Path,
    at,
    each_loss,
    gradient_norms,
    parts_of,
    weighed,
)
from constrainit.doctor._problem import Problem
from constrainit.model import WeightRecord


@dataclass(frozen=True)
class UncountedEvidence:
    """An output that weights to train lead to, and whose loss moves none of them.

    Attributes:
        name: The output's name.
        path: Where it stands in what the model gives.
        records: The weights that get no gradient, and would get one if its loss counted.
        loss: The loss after the steps; None where there is no loss at all.
    """

    name: str
    path: Path
    records: list[WeightRecord]
    loss: float | None


def uncounted(problem: Problem, evidence: Evidence) -> list[UncountedEvidence]:
    """The outputs with a loss weight of zero, and those without a loss that are given targets.

    Told are those alone that would give a gradient to weights that get none: one of which all
    layers are frozen, or serve other outputs, too, is meant to be looked at only.
    """
    never = [g.record for g in evidence.gradients if g.never]
    if not never or evidence.faults or evidence.fault_step is not None:
        return []
    found = []
    for part in [one for one in parts_of(problem) if one.weight == 0]:
        other = weighed(problem, {part.path: 1.0})
        reached = [] if other is None else _reached(other, never)
        if reached:
            loss = each_loss(problem)[part.path]
            found.append(UncountedEvidence(part.name, part.path, reached, loss))
    return found + _without_a_loss(problem, never)


def _without_a_loss(problem, never):
    """The outputs that `compile` gave no loss, and the batch gives targets."""
    if problem.given_y is None or not parts_of(problem):
        return []
    names = list(problem.compiled_loss.output_names or ())
    known = {_place(part.path, names) for part in parts_of(problem)}
    found = []
    for path, _ in keras.tree.flatten_with_path(problem.specs):
        if _place(path, names) in known or not _has_targets(problem, path, names):
            continue
        reached = _reached(_of_output(problem, path, names), never)
        if reached:
            place = _place(path, names)
            name = names[place] if isinstance(place, int) and place < len(names) else place
            found.append(UncountedEvidence(str(name), path, reached, None))
    return found


def _place(path, names):
    """A path of one key as the place of the output in a list; others as they are."""
    key = path[0] if len(path) == 1 else path
    return names.index(key) if isinstance(key, str) and key in names else key


def _has_targets(problem, path, names):
    try:
        given = at(problem.given_y, path, names)
    # Targets of another structure name none for it.
    except (KeyError, IndexError, TypeError, ValueError):
        return False
    return given is not None and bool(np.prod(given.shape))


def _of_output(problem, path, names):
    """A problem whose loss is a number of that output alone, whatever its targets are."""
    zeros = keras.tree.map_structure(lambda spec: ops.zeros(spec.shape), problem.specs)

    def size(targets, predictions):
        return ops.mean(ops.square(predictions))

    paths = [one for one, _ in keras.tree.flatten_with_path(problem.specs)]
    losses = keras.tree.pack_sequence_as(
        problem.specs, [size if p == path else None for p in paths]
    )
    made = Problem(
        problem.model, problem.x, zeros, losses, problem.given_optimizer, problem.seed, steps=1
    )
    made.set_loss()
    return made


def _reached(problem, records):
    """Those of some weights that get a gradient."""
    norms = gradient_norms(problem)
    return [record for record in records if norms.get(id(record.variable), 0.0) > 0]
