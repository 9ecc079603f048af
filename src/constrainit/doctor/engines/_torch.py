"""PyTorch: an eager step; `fit` runs constraints as they are."""

import torch

from constrainit.doctor.engines import _eager


def compile_step(problem):
    """As `_jax.compile_step`."""
    return _eager.compile_step(problem, _gradients)


def _gradients(problem):
    loss, outputs = problem.loss(problem.x, problem.y)
    weights = [v.value for v in problem.trainable]
    if not loss.requires_grad or not weights:
        return loss, outputs, [None] * len(weights)
    scaled = problem.optimizer.scale_loss(loss)
    return loss.detach(), outputs, torch.autograd.grad(scaled, weights, allow_unused=True)


def compile_constraints(records):
    """As `_jax.compile_constraints`, without gradients, as in the optimizer."""
    apply = _eager.compile_constraints(records)

    def without_gradients(values):
        with torch.no_grad():
            return apply(values)

    return without_gradients
