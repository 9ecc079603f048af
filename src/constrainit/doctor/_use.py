"""Whether the loss depends on weights that never get a gradient."""

import itertools

import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence, GradientEvidence
from constrainit.doctor._losses_at import loss_of_step
from constrainit.doctor._problem import Problem
from constrainit.doctor._randomness import undisturbed
from constrainit.doctor._state import snapshot
from constrainit.doctor._statistics import to_numpy
from constrainit.model import STARTS, WeightRecord

ASKED = 4
"""How many layers without a gradient are asked whether the loss depends on them."""

UNUSED = 1e-4
"""A weight that cancels out still moves the rounding of the loss."""

_STILL = 1e-6
"""Outputs that vary by less, relative to the largest, are the same."""

_FAR = 10.0
"""How many times as far as its own size, or one, a weight is moved that is of no use near it.

It may be clipped to bounds far from where it is.
"""

_FROM_ZERO = 0.1
"""How large a weight of zeros is made: the product of two that are must be seen in the loss."""


def ask_for_use(problem: Problem, evidence: Evidence) -> None:
    """Moves the weights that never get a gradient, a layer at a time: does the loss change?

    All losses are of the same random numbers, as of a dropout.

    Of factors that are zero each is of no use by itself, so that one layer is moved with all
    others, too.
    """
    never: dict[int, list[GradientEvidence]] = {}
    for made in evidence.gradients:
        if made.never:
            never.setdefault(id(made.record.layer), []).append(made)
    if not never:
        return
    draws, loss = np.random.default_rng(0), _loss_with(problem, [])
    moved = [
        [(made.record, moved_weight(to_numpy(made.record.value), draws)) for made in group]
        for group in never.values()
    ]
    for place, (group, own) in enumerate(zip(never.values(), moved, strict=True)):
        if place == ASKED:
            return
        others = [pair for one in moved if one is not own for pair in one]
        used = _changes(problem, loss, own)
        if not used and others:
            used = _changes(problem, _loss_with(problem, others), own, others)
        used = used or _changes_far(problem, loss, own)
        for made, pair in zip(group, own, strict=True):
            made.used = used
            made.factor = used and is_zero(made.record) and not _changes(problem, loss, [pair])


def is_zero(record: WeightRecord) -> bool:
    """Whether a weight that is to be multiplied is zero."""
    return is_multiplied(record) and not to_numpy(record.value).any()


def left_at_zero(evidence: Evidence) -> list[WeightRecord]:
    """Kernels of zeros that never get a gradient, where the outputs of their layers are constant.

    One for a layer: of two in one layer, such as those of a low-rank update, each may be what
    keeps the gradient from the other. None unless the loss depends on one of them, and unless all
    before them get no gradient either: else there is another way round them.
    """
    kernels: dict[int, list[GradientEvidence]] = {}
    for made in evidence.gradients:
        if is_multiplied(made.record):
            kernels.setdefault(id(made.record.layer), []).append(made)
    flat = {output.layer for output in evidence.outputs if _is_flat(output)}
    found = [
        made
        for [made, *others] in kernels.values()
        if not others and made.never and is_zero(made.record) and made.record.layer.name in flat
    ]
    order = [output.layer for output in evidence.outputs]
    last = max((order.index(made.record.layer.name) for made in found), default=-1)
    passed = any(
        not made.never
        for made in itertools.chain(*kernels.values())
        if made.record.layer.name in order[: last + 1]
    )
    return [made.record for made in found] if not passed and any(m.used for m in found) else []


def _is_flat(output):
    return (output.dead or 0.0) == 1 or output.spread <= _STILL * output.peak


def is_multiplied(record: WeightRecord) -> bool:
    """Whether a weight is to be multiplied: no bias."""
    return len(record.shape) > 1 or record.variable.name not in STARTS


def _changes(problem, loss, own, others=()):
    """Whether the loss is another one with other values of weights, beside those of others.

    One of the two has another sign at each entry, for what only the sign counts of.
    """
    both = ([*others, *((record, way * value) for record, value in own)] for way in (1, -1))
    found = (_loss_with(problem, moved) for moved in both)
    return any(not abs(one - loss) <= UNUSED * abs(loss) for one in found)


def _changes_far(problem, loss, own):
    """Whether the loss is another one far away, beyond what a larger weight adds by rounding."""
    far = [(r, _FAR * v / min(1.0, np.max(np.abs(v), initial=1e-6))) for r, v in own]
    for way in (1, -1):
        found = _loss_with(problem, [(record, way * value) for record, value in far])
        if np.isfinite(found) and abs(found - loss) > _FAR * UNUSED * abs(loss):
            return True
    return False


def _loss_with(problem, moved):
    """The loss with other values of weights."""
    held = [(record, ops.copy(record.value)) for record, _ in moved]
    others = [(variable, snapshot(variable)) for variable in problem.others]
    for record, value in moved:
        record.assign(ops.cast(value, record.dtype))
    try:
        with undisturbed():
            return loss_of_step(problem)
    finally:
        for owner, value in (*held, *others):
            owner.assign(value)


def moved_weight(value: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """A weight with noise of its own size."""
    peak = float(np.max(np.abs(value), initial=0.0))
    size = max(peak, 1e-2) if peak > 0 else _FROM_ZERO
    return value + size * draws.normal(size=value.shape)
