"""The remedy for rounding that takes every update back: a float beside each rounded weight."""

import glob

import numpy as np
from keras import ops

from constrainit._reparametrize import reparametrize
from constrainit.doctor._constraint_calls import called, known_set
from constrainit.doctor._own_optimizer import inner_of
from constrainit.doctor._set_code import written
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._pastes import given, told
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.inside import bound
from constrainit.doctor.treatments.models import in_place
from constrainit.model import walk
from constrainit.sets import Grid

_CALLS = 6
_SCALES = (1.0, 6.0, 36.0)
"""Small weights may all be rounded to zero."""

_NEAR = 1e-4
_FAR = 1e3


def straight_through(problem, evidence, found):
    """No rounding constraint, but a float weight that the layer sees rounded."""
    paths, sets, shown = {f.weight for f in found if "pulled" not in f.evidence}, {}, {}
    for index, record in enumerate(walk(problem.model)):
        a_set = meant_grid(record) if record.path in paths else None
        if a_set is None:
            continue
        if not evidence.trained:
            _start(record, a_set, problem.seed + index)
        record.variable.constraint = vars(record.layer)[f"{record.argument}_constraint"] = None
        sets[glob.escape(record.path)] = a_set
        shown[record.path] = written(a_set)
    if not sets:
        return None
    code = given(problem, shown, "model = ci.reparametrize")
    said = f"float weights that are trained, and seen rounded: {told(problem, shown)}"
    other = in_place(problem, reparametrize(problem.model, sets))
    # One that has been built knows the old variables only.
    own = inner_of(problem.optimizer)
    other.model.optimizer = other.given_optimizer = type(own).from_config(own.get_config())
    return Changed(said, other, f"# in layers made without the constraint that rounds\n{code}")


def _start(record, a_set, seed):
    """A weight of which rounding leaves less than half, drawn from the set."""
    value = record.value
    lost = np.linalg.norm(to_numpy(a_set.project(value)) - to_numpy(value))
    if lost > 0.5 * np.linalg.norm(to_numpy(value)):
        drawn = a_set.initializer(seed)(record.shape, dtype=record.dtype)
        record.assign(a_set.transform.start(drawn))


def meant_grid(record):
    """The grid, or set of grids, that a constraint rounds to; None if it does something else."""
    known = known_set(record) if callable(record.constraint) else None
    if known is not None:
        return known if known.transform is not None and known.transform.rounds else None
    size = float(np.max(np.abs(to_numpy(record.variable)), initial=0.0)) or 1.0
    draws = np.random.default_rng(0)
    values = [
        size * scale * draws.uniform(-1, 1, size=record.shape)
        for scale in _SCALES for _ in range(_CALLS)
    ]  # fmt: skip
    images = [image for value in values if (image := called(record, value)) is not None]
    if len(images) < len(values):
        return None
    a_set = _grid(record, np.unique(np.round(np.stack(images).astype("float64"), 6)), size)
    return a_set if a_set is not None and _agrees(a_set, values, images) else None


def _grid(record, points, size):
    """The grid of these points, with the bounds that far weights are brought back to."""
    if len(points) < 2:
        return None
    ends = (bound(record, side * _FAR * max(size, 1.0)) for side in (-1, 1))
    low, high = (None if end is None else float(f"{end:.6g}") for end in ends)
    try:
        return Grid(float(f"{np.diff(points).min():.6g}"), low, high)
    # A single point between the bounds.
    except ValueError:
        return None


def _agrees(a_set, values, images):
    """Whether the constraint gave the projections."""
    expected = [to_numpy(a_set.project(ops.cast(value, "float32"))) for value in values]
    apart = np.abs(np.stack(expected) - np.stack(images))
    return bool(np.mean(apart > _NEAR * a_set.step) < 0.01)
