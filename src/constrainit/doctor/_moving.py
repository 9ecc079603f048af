"""Normalizations that train with the statistics of a batch and predict with moving ones."""

import contextlib
from typing import Any

import keras
import numpy as np

from constrainit.doctor._dropping import dropping_nothing
from constrainit.doctor._evidence import MovingEvidence, NormEvidence
from constrainit.doctor._losses_at import loss_now
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import as_it_is
from constrainit.doctor._state import attribute, borrowed
from constrainit.doctor._statistics import to_numpy

Moments = tuple[np.ndarray, np.ndarray]


def moving(problem: Problem) -> MovingEvidence | None:
    """What the batch costs in training and in prediction, now and once moving statistics settled.

    None without such layers, and where a pass tells nothing of them. No variable is changed.
    """
    norms = [one for one in problem.model._flatten_layers() if _is_moving(one)]
    norms = list({id(one): one for one in norms}.values())
    if not norms or not problem.is_small:
        return None
    # A layer that is called inside of a transformation has no values; a user's may raise anything.
    with contextlib.suppress(Exception), borrowed(problem.model) as put_back:
        return _measured(problem, norms, put_back)
    return None


def _measured(problem, norms, put_back):
    seen: dict[int, list[Moments]] = {}
    with contextlib.ExitStack() as stack:
        stack.enter_context(dropping_nothing(problem.model))
        for layer in norms:
            stack.enter_context(attribute(layer, "call", _noting(layer, seen)))
        training, _ = problem.loss(problem.x, problem.y, as_it_is)
    put_back()
    now = loss_now(problem)
    found = [_of(layer, seen[id(layer)]) for layer in norms if id(layer) in seen]
    for layer, one in zip((n for n in norms if id(n) in seen), found, strict=True):
        layer.moving_mean.assign(one.settled[0])
        layer.moving_variance.assign(one.settled[1])
    losses = float(to_numpy(training)), now, loss_now(problem)
    return MovingEvidence(found, losses) if found and np.isfinite(losses).all() else None


def _is_moving(layer: Any) -> bool:
    """Whether a layer trains with the statistics of each batch."""
    return isinstance(layer, keras.layers.BatchNormalization) and layer.trainable


def _noting(layer, seen):
    """The call of a layer, with the moments of each unit of what it is given in training noted."""
    call = layer.call

    def noting(inputs, training=None, mask=None):
        if training and mask is None:
            value = np.moveaxis(to_numpy(inputs), layer.axis, -1)
            units = value.reshape(-1, value.shape[-1])
            seen.setdefault(id(layer), []).append((units.mean(0), units.var(0)))
        return call(inputs, training=training, mask=mask)

    return noting


def _of(layer, moments):
    """What calls in turn, with one momentum, make of moving statistics in the end."""
    weights = float(layer.momentum) ** np.arange(len(moments))[::-1]
    weights = weights / weights.sum()
    settled = tuple(
        sum(w * one[part] for w, one in zip(weights, moments, strict=True)) for part in (0, 1)
    )
    deviations = [np.sqrt(variance + layer.epsilon) for _, variance in moments]
    apart = max(
        float(np.median(np.abs(mean - settled[0]) / deviation))
        for (mean, _), deviation in zip(moments, deviations, strict=True)
    )
    sizes = [float(np.median(deviation)) for deviation in deviations]
    return NormEvidence(layer.name, float(layer.momentum), len(moments), apart, sizes, settled)
