"""Targets that fall where the model can only rise."""

from typing import Any

import numpy as np

from constrainit.doctor._evidence import Evidence, FallingEvidence
from constrainit.doctor._halves import Values, put
from constrainit.doctor._signs import nonnegative_kernels
from constrainit.doctor._state import snapshot
from constrainit.doctor._statistics import to_numpy

_MOST = 400
"""Examples of which the pairs are looked at."""

_PAIRS = 30
_NEIGHBOURS = 5
_KNOWN = 0.5
"""The share of the targets' variance that neighbours tell from which on they are no noise."""

_ROUNDING = 1e-6


def falling(problem: Any, evidence: Evidence, start: Values) -> FallingEvidence | None:
    """What share of the targets' differences goes against a model that is monotone.

    Weights that such targets have driven to zero tell no direction: then those of the start do.
    Asked only of a model of numbers with one output, whose kernels all keep from being negative,
    where the targets depend on the inputs. Pairs are those of which one is at least as large in
    each input that the output rises with, and as small in each that it falls with.
    """
    kernels = nonnegative_kernels(problem, evidence)
    if not kernels:
        return None
    x, y = (to_numpy(one)[:_MOST].astype("float64") for one in (problem.x, problem.y))
    if y.ndim > 2 or y.size != len(x) or not np.isfinite(x).all() or not np.isfinite(y).all():
        return None
    y = y.ravel()
    try:
        signs = _directions(problem.model, x)
        if signs is None and start:
            signs = _directions_at(start, problem.model, x)
    # A number may stand for a row of a table, and there is none a little further on.
    except Exception:
        return None
    if signs is None or not _is_known(x, y):
        return None
    share, pairs = _against(x * signs, y)
    return FallingEvidence(kernels[0], share, pairs) if pairs >= _PAIRS else None


def _directions_at(start, model, x):
    """The same with other values of the model's variables."""
    held = [(variable, snapshot(variable)) for variable, _ in start]
    try:
        put(start)
        return _directions(model, x)
    finally:
        for variable, value in held:
            variable.assign(value)


def _directions(model, x):
    """For each input whether the output rises or falls with it; None if neither, for any of them.

    Each is moved by its deviation; one that makes no difference counts as one to rise with.
    """
    base = to_numpy(model(x.astype("float32"))).reshape(len(x), -1)
    if base.shape[1] != 1:
        return None
    signs, size = np.ones(x.shape[1]), np.ptp(base)
    for place, step in enumerate(x.std(axis=0)):
        moved = x.copy()
        moved[:, place] += step
        change = to_numpy(model(moved.astype("float32"))).reshape(len(x), -1) - base
        if change.min() < -_ROUNDING * size:
            signs[place] = -1.0
            if change.max() > _ROUNDING * size:
                return None
    return signs if size > 0 else None


def _is_known(x, y):
    """Whether the nearest examples tell most of a target."""
    scaled = x / np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    if len(y) <= 2 * _NEIGHBOURS or not y.std() > 0:
        return False
    apart = np.square(scaled[:, None] - scaled[None]).sum(axis=-1)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argpartition(apart, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
    return bool(np.square(y - y[nearest].mean(axis=1)).mean() < (1 - _KNOWN) * y.var())


def _against(x, y):
    """The share of the differences along rising pairs that falls, and the number of pairs."""
    rises = (x[:, None] <= x[None]).all(axis=-1) & (x[:, None] < x[None]).any(axis=-1)
    change = (y[None] - y[:, None])[rises]
    total = np.abs(change).sum()
    return (float(-change[change < 0].sum() / total) if total else 0.0), int(rises.sum())
