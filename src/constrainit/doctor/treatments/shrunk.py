"""Remedies for free weights of a layer that leave a domain by their size: smaller, and held so."""

import numpy as np

from constrainit._words import listed
from constrainit.doctor._code import kind_of_layer
from constrainit.doctor._losses_at import loss_now
from constrainit.doctor._recording import is_custom
from constrainit.doctor._set_code import written
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._pastes import given, variable
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import start_at
from constrainit.model import walk
from constrainit.sets import MaxNorm

_FACTORS = (0.7, 0.5, 0.3, 0.2, 0.1, 0.05)
_MARGIN = 1.5
_DRAWS = 8


def smaller(problem, evidence, found):
    """The weights that an operand below zero is computed from, smaller from the start.

    The factor is the largest from which on the loss is finite for all smaller ones, and for half as
    much again.
    """
    records = _sized(problem, evidence)
    starts = [to_numpy(record.variable) for record in records]

    def ways(factor):
        # What is sound at the start alone, a few steps may take out again.
        return [[scale * factor * start for start in starts] for scale in (1.0, _MARGIN)]

    factor = _largest(problem, records, ways)
    if factor is None:
        return None
    named = listed([record.path for record in records])
    return Changed(
        f"a start of {factor:g} times the size for {named}",
        code=_scaled(problem, records, factor),
    )


def smaller_and_held(problem, evidence, found):
    """The same, and vectors that stay so: within norms that leave the loss finite which way ever.

    Training goes on to the directions that the loss wants, so all of them have to be sound.
    """
    records = _sized(problem, evidence)
    if any(len(record.shape) > 1 for record in records):
        return None
    starts = [to_numpy(record.variable) for record in records]
    norms = [max(_norms_alike(records, starts, record)) for record in records]

    def ways(factor):
        draws = np.random.default_rng(0)
        drawn = [[draws.normal(size=start.shape) for start in starts] for _ in range(_DRAWS)]
        # Also with all of them along one line, and against each other.
        line = [
            [(-1.0) ** (turn * place) * np.ones(start.shape) for place, start in enumerate(starts)]
            for turn in (0, 1)
        ]
        ends = [
            [
                factor * norm * way / np.linalg.norm(way)
                for norm, way in zip(norms, one, strict=True)
            ]
            for one in (*drawn, *line)
        ]
        return [[factor * start for start in starts], *ends]

    factor = _largest(problem, records, ways)
    if factor is None:
        return None
    radii = [float(f"{factor * norm:.2g}") for norm in norms]
    texts = {}
    for record, radius in zip(records, radii, strict=True):
        record.variable.constraint = a_set = MaxNorm(radius)
        start_at(record, to_numpy(record.variable))
        texts[record.path] = written(a_set)
    named = listed([record.path for record in records])
    return Changed(
        f"a start of {factor:g} times the size for {named}, and no larger norm than "
        f"{' or '.join(f'{radius:g}' for radius in dict.fromkeys(radii))} after it",
        code=f"{_scaled(problem, records, factor)}\n{given(problem, texts)}",
    )


def _sized(problem, evidence):
    """What could be smaller: free weights of the operand, and those of the same name and class."""
    operation = evidence.operation
    if operation is None or operation.stage != "forward" or not problem.is_small:
        return []
    if "a negative number" not in operation.limit:
        return []
    paths = {path for one in operation.operands for path in one.weights}
    free = [
        record for record in walk(problem.model)
        if is_custom(record.layer) and record.variable.trainable and record.constraint is None
        and to_numpy(record.variable).any() and len(record.shape) > 0
    ]  # fmt: skip
    kinds = {_kind(record) for record in free if record.path in paths}
    return [record for record in free if _kind(record) in kinds]


def _kind(record):
    return kind_of_layer(record.layer), record.variable.name


def _norms_alike(records, starts, record):
    """The norms of the starts of all weights of the same name and class."""
    return [
        float(np.linalg.norm(start))
        for one, start in zip(records, starts, strict=True)
        if _kind(one) == _kind(record)
    ]


def _largest(problem, records, ways):
    """The largest factor with which, and with all below it, each way of weights is sound.

    The weights are then the first way; they are as before where there is none.
    """
    if not records:
        return None
    before = [to_numpy(record.variable) for record in records]
    # One of another remedy has no loss yet.
    problem.set_loss()
    best = None
    for factor in reversed(_FACTORS):
        if not all(_is_finite(problem, records, values) for values in ways(factor)):
            break
        best = factor
    chosen = before if best is None else ways(best)[0]
    for record, value in zip(records, chosen, strict=True):
        start_at(record, value)
    return best


def _is_finite(problem, records, values):
    for record, value in zip(records, values, strict=True):
        start_at(record, value)
    return bool(np.isfinite(loss_now(problem)))


def _scaled(problem, records, factor):
    names = "".join(f"    {variable(problem, record)},\n" for record in records)
    return f"for weight in [\n{names}]:\n    weight.assign({factor:g} * weight)"
