"""Remedies for what is taken the logarithm, a root or a power of: a softplus, never negative."""

import keras
import numpy as np

from constrainit.doctor._losses_at import loss_anew
from constrainit.doctor.trace._limits import NEGATIVE_BASE
from constrainit.doctor.treatments._layers import changed_layers
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._written import layer_code, layers_code

_OF_RATES = ("poisson", "mean_squared_logarithmic_error", "kl_divergence")
_FROM_ZERO = {
    **dict.fromkeys(("log", "log2", "log10", "log1p"), "logarithm"),
    **dict.fromkeys(("sqrt", "rsqrt"), "root"),
}
"""What has no value for numbers that are far enough below zero."""


def softplus_at_the_end(problem, evidence, found):
    """A softplus behind the last layer, for a loss that takes the logarithm of its output."""
    names = {
        made.layer for made in evidence.losses_of
        if made.name in _OF_RATES and made.low < 0 and made.target.low >= 0
    }  # fmt: skip

    return _with_softplus(
        problem, lambda layer: _is_linear(layer, names),
        "as the loss takes the logarithm of its output",
    )  # fmt: skip


def softplus_for_the_loss(problem, evidence, found):
    """The same for a loss of the user's own that fails below zero, where no target is negative.

    Of a layer that gives more than its targets, such as a deviation, not all may be meant.
    """
    operation, targets = evidence.operation, keras.tree.flatten(problem.y)
    if operation is None or operation.stage != "loss" or operation.name not in _FROM_ZERO:
        return None
    if not any(one.data and one.numbers.minimum < 0 for one in operation.operands):
        return None
    pairs = zip(evidence.losses_of, targets, strict=True)
    units = {m.layer: y.shape[-1] for m, y in pairs if m.low < 0 and m.target.low >= 0}

    def is_meant(layer):
        return _is_linear(layer, units) and getattr(layer, "units", None) == units[layer.name]

    changed = _with_softplus(
        problem, is_meant,
        f"as the loss takes the {_FROM_ZERO[operation.name]} of what it gives and no target is "
        "negative",
    )  # fmt: skip
    return changed if changed is not None and np.isfinite(loss_anew(problem)) else None


def _is_linear(layer, names):
    return layer.name in names and getattr(layer, "activation", None) is keras.activations.linear


def softplus_for_the_sign(problem, evidence, found):
    """A softplus behind a last layer whose constraints do not keep the sign of its output."""
    names = {finding.layer for finding in found}
    return _with_softplus(problem, lambda layer: layer.name in names, "which is never negative")


def _with_softplus(problem, is_meant, why):
    names = {layer.name for layer in problem.model._flatten_layers() if is_meant(layer)}
    changed = changed_layers(problem, is_meant, activation=keras.activations.softplus)
    if not changed:
        return None
    return Changed(
        f"{changed} with a softplus, {why}",
        with_other(problem),
        layers_code(problem.model, names, 'keras.layers.Dense(..., activation="softplus")'),
    )


def softplus_under_a_power(problem, evidence, found):
    """A softplus in the linear layer whose output a power with a fraction is taken of."""
    operation = evidence.operation
    if operation is None or not operation.limit.startswith(NEGATIVE_BASE):
        return None
    order = [output.layer for output in evidence.outputs]
    paths = set(operation.operands[0].weights)
    before = order[: order.index(operation.layer)][-1:] if operation.layer in order else []
    linear = [
        layer for layer in problem.model._flatten_layers()
        if getattr(layer, "activation", None) is keras.activations.linear
        and (layer.name in before or any(v.path in paths for v in layer.trainable_variables))
    ]  # fmt: skip
    last = max(linear, key=lambda layer: _place_in(order, layer.name), default=None)
    if last is None:
        return None
    changed_layers(problem, lambda layer: layer is last, activation=keras.activations.softplus)
    if not np.isfinite(loss_anew(problem)):
        return None
    units = getattr(last, "units", "...")
    return Changed(
        f"{last.name} with a softplus, as a power is taken of its output",
        with_other(problem),
        layer_code(last, f'keras.layers.{type(last).__name__}({units}, activation="softplus")'),
    )


def _place_in(order, name):
    return order.index(name) if name in order else -1
