"""Rows of a last kernel that are meant as such: what a model puts together to give its input."""

from typing import Any

import keras
import numpy as np

from constrainit.doctor._evidence import ConstraintEvidence
from constrainit.doctor._statistics import to_numpy
from constrainit.model import wrong_axes

_NEAR = 0.5
"""Inputs that are nearer to the targets than so much of their variance are the targets, or those
with noise."""


def note_atoms(problem: Any, constraints: list[ConstraintEvidence]) -> None:
    """Notes kernels of last layers whose rows are held, where the targets are the inputs.

    Each row is then what one unit of the code adds to the answer, as the atom of a dictionary. What
    its constraint scales are rows.
    """
    asked = [made for made in constraints if wrong_axes(made.record) is not None]
    ends = _ends(problem.model) if asked and _gives_back(problem) else []
    for made in asked:
        record = made.record
        rows = wrong_axes(record) == ((1,), (0,)) and record.argument == "kernel"
        if rows and any(record.layer is one for one in ends):
            made.atoms, made.rescaled = True, made.across


def _ends(model):
    """The layers that outputs come out of, also those of a model within."""
    if isinstance(model, keras.Model):
        outputs = getattr(model, "outputs", None) or []
        operations = [one._keras_history.operation for one in outputs]
        return [end for one in operations for end in _ends(one)]
    return [model] if isinstance(model, keras.layers.Dense) else []


def _gives_back(problem):
    """Whether each target is about one of the inputs."""
    given, wanted = (
        [part for part in keras.tree.flatten(values) if part is not None]
        for values in (problem.x, problem.y)
    )
    return bool(wanted) and all(any(_is_about(x, y) for x in given) for y in wanted)


def _is_about(x, y):
    if tuple(x.shape) != tuple(y.shape) or "float" not in keras.backend.standardize_dtype(x.dtype):
        return False
    x, y = to_numpy(x).astype("float64"), to_numpy(y).astype("float64")
    return bool(np.square(x - y).sum() <= _NEAR * np.square(y - y.mean()).sum() > 0)
