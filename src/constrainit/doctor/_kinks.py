"""Does a loss ask for second derivatives of a network that has none?

An activation of straight pieces has a second derivative of zero wherever it has one. If its corners
are made round, ten times less round changes what the layers give ten times less, and a loss of that
or of first derivatives. Of second derivatives the mean over the corners stays the same, and that of
their squares grows.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence, KinkEvidence
from constrainit.doctor._randomness import undisturbed
from constrainit.doctor._recording import is_custom
from constrainit.doctor._state import attribute, snapshot

_SHARP = (10.0, 100.0)
"""How sharp the corners stay, in deviations of what a layer gives."""

_LEAST = 1e-3
"""A change of a loss that counts, relative to it."""

_STAYS = 0.4
"""The share of it that is left where corners are ten times less round, if not a tenth."""

_NOISE = 10.0
"""By how much it has to be larger than what losses of the same weights differ by."""

_AGAIN = 4
"""How often the loss is computed once more, where it differs without a change."""


def kinks(
    problem: Any, evidence: Evidence, loss: Callable[[], float | None]
) -> KinkEvidence | None:
    """What round corners change, None if there is no reason to ask.

    Args:
        problem: What is trained.
        evidence: What is known of it.
        loss: Computes the loss anew.
    """
    layers = _sharp_layers(problem.model)
    if not layers or not _may_differentiate(problem.model):
        return None
    loss = _with_the_same_draws(problem, loss)
    first, again = loss(), loss()
    if first is None or again is None:
        return None
    # Draws that nothing puts back, such as those of the user's own generator.
    drawn = [loss() or 0.0 for _ in range(_AGAIN if again != first else 0)]
    size = max(abs(first), 1e-30)
    least = max(_LEAST, _NOISE * float(np.ptp([first, again, *drawn])) / size)
    deviations = {output.layer: output.deviation for output in evidence.outputs}
    changes = []
    for sharpness in _SHARP:
        with _rounded(layers, deviations, sharpness):
            changes.append(abs((loss() or 0.0) - first) / size)
    if not (changes[1] > least and changes[1] >= _STAYS * changes[0]):
        return None
    return KinkEvidence([layer.name for layer in layers], changes[0], changes[1])


def _with_the_same_draws(problem, loss):
    """`loss`, for which all random numbers are those of its first call."""
    held = [(v, snapshot(v)) for v in problem.others]

    def again():
        for variable, value in held:
            variable.assign(value)
        with undisturbed():
            return loss()

    return again


def _may_differentiate(model):
    """Whether code of the user's own computes the loss, or what it is computed from."""
    own = type(model).compute_loss is not keras.Model.compute_loss
    return own or any(is_custom(layer) for layer in model._flatten_layers())


def _sharp_layers(model):
    """The layers whose activation is of straight pieces."""
    layers = model._flatten_layers()
    return [layer for layer in layers if _smooth(layer) is not None]


def _smooth(layer):
    activation = getattr(layer, "activation", None)
    return next((smooth for sharp, smooth in _SMOOTH if sharp is activation), None)


@contextlib.contextmanager
def _rounded(layers, deviations, sharpness) -> Iterator[None]:
    """The corners of layers are round, but for a part of what each of them gives."""

    def bent(smooth, by):
        # In float32: float16 has no number for a sharp corner.
        def bend(z):
            return ops.cast(ops.softplus(by * ops.cast(z, "float32")) / by, z.dtype)

        return lambda x: smooth(x, bend)

    with contextlib.ExitStack() as stack:
        for layer in layers:
            by = sharpness / max(deviations.get(layer.name, 1.0), 1e-3)
            stack.enter_context(attribute(layer, "activation", bent(_smooth(layer), by)))
        yield


_SMOOTH = (
    (keras.activations.relu, lambda x, bend: bend(x)),
    (keras.activations.relu6, lambda x, bend: bend(x) - bend(x - 6.0)),
    (keras.activations.leaky_relu, lambda x, bend: 0.2 * x + 0.8 * bend(x)),
)
