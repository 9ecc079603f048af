"""Weights that are seen through smooth maps: their rows in the report.

No rule of a constraint is asked of them: nothing moves them after a step.
"""

from dataclasses import replace

import keras
import numpy as np

from constrainit._reparametrized import seen_records
from constrainit.doctor._blocks import distance
from constrainit.doctor._evidence import ConstraintEvidence, Evidence
from constrainit.doctor._statistics import as_array, numbers


def note_mapped(model: keras.Model, evidence: Evidence) -> None:
    """Notes the weights that a `Reparametrized` computes, and what they start as."""
    for record in seen_records(model):
        variable = record.variable
        # The array may be the memory of the free value, where the map leaves that alone.
        start = np.array(as_array(variable))
        found = numbers(start, binned=True)
        made = ConstraintEvidence(
            replace(record, layer=variable.free.layer), variable.rule(), False, found, image=found
        )
        made.violation = float(variable.set.violation(variable.value))
        evidence.mapped.append(made)
        evidence.mapped_starts.append(start)


def note_first_step(evidence: Evidence) -> None:
    """Notes how far the first step has moved them; their starts are not needed any more."""
    for made, start in zip(evidence.mapped, evidence.mapped_starts, strict=True):
        made.step = distance(as_array(made.record.variable), start)
    evidence.mapped_starts = []
