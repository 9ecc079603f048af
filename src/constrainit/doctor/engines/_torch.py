"""PyTorch: an eager step; `fit` runs constraints as they are."""

import torch

from constrainit.doctor._statistics import summarize_at_once
from constrainit.doctor.engines import _eager
from constrainit.doctor.engines._eager import groups, keep_updated
from constrainit.doctor.engines._result import norm_at_once

__all__ = ["compile_constraints", "compile_step", "groups", "keep_updated", "summarize"]

_ENTRIES = 1 << 16
"""How many numbers of an output are looked at together: what stays in a processor's cache."""


def summarize(value, activation):
    """As `_statistics.summarize_at_once`."""
    return summarize_at_once(value, activation, _moments)


def _moments(batch):
    """As `_statistics.moments`; `torch.var` along the first axis takes ten times as long."""
    means, squares = batch.mean(0), torch.zeros_like(batch[0])
    for part in batch.split(max(1, _ENTRIES // max(batch.shape[1], 1))):
        squares += torch.square(part - means).sum(0)
    return means, squares / len(batch)


class _Watched(torch.autograd.Function):
    """Its value; the gradient that comes back to it leaves its norm as the gradient of a sink."""

    @staticmethod
    def forward(ctx, value, sink):
        return value.view_as(value)

    @staticmethod
    def backward(ctx, *gradients):
        return gradients[0], norm_at_once(gradients[0])


def compile_step(problem):
    """As `_jax.compile_step`."""
    return _eager.compile_step(_gradients)


def _gradients(problem):
    sinks = [torch.zeros((), requires_grad=True) for _ in problem.recording.watched]
    loss, outputs = problem.loss(
        problem.x, problem.y, lambda value, place: _Watched.apply(value, sinks[place])
    )
    weights = [v.value for v in problem.trainable]
    if not loss.requires_grad or not weights:
        return loss, outputs, [None] * len(weights), [None] * len(sinks)
    scaled = problem.optimizer.scale_loss(loss)
    found = torch.autograd.grad(scaled, [*weights, *sinks], allow_unused=True)
    return loss.detach(), outputs, found[: len(weights)], found[len(weights) :]


def compile_constraints(records):
    """As `_jax.compile_constraints`, without gradients, as in the optimizer."""
    apply = _eager.compile_constraints(records)

    def without_gradients(group, values):
        with torch.no_grad():
            return apply(group, values)

    return without_gradients
