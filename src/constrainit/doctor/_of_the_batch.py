"""Outputs that are a number of the whole batch, such as its likelihood, and no predictions."""

from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._labels import is_own, loss_of_guess
from constrainit.doctor._statistics import to_numpy

_STILL = 1e-4
_OTHER = 1e-3
"""An output that changes by more than this share of itself with the batch depends on it."""


def of_the_batch(problem: Any, evidence: Any) -> set[str]:
    """The layers that give one number for all examples, which another batch changes.

    Only where the loss is one of the user's own that reads nothing from the targets: what it is
    given is the loss itself. Else a layer that takes the mean over the examples is at fault.
    """
    names = [problem.model.name, *(made.layer for made in evidence.losses_of)]
    last = [o for o in evidence.outputs_last if o.layer in names]
    if not last or not all(o.spread <= _STILL * o.peak for o in last):
        return set()
    before = keras.tree.flatten(problem.model(problem.x, training=False))
    pairs = zip(problem.losses(), keras.tree.flatten(problem.y), before, strict=True)
    if not all(_reads_nothing(*pair) for pair in pairs):
        return set()
    after = keras.tree.flatten(problem.model(_with_examples_twice(problem.x), training=False))
    both = [(to_numpy(a), to_numpy(b)) for a, b in zip(before, after, strict=True)]
    changes = all(np.abs(b - a).max() > _OTHER * np.abs(a).max() for a, b in both)
    return set(names) if changes else set()


def _reads_nothing(loss, targets, predictions):
    """Whether a loss is the same whatever the targets are."""
    if not callable(loss) or not is_own(loss) or keras.backend.is_int_dtype(targets.dtype):
        return False
    given = to_numpy(predictions)
    one, other = (loss_of_guess(loss, y, given) for y in (targets, targets + 1))
    return bool(np.isfinite(one)) and one == other


def _with_examples_twice(x):
    """A batch with every other example in place of the one behind it."""

    def halved(part):
        places = np.arange(part.shape[0])
        return ops.take(part, places - places % 2, axis=0)

    return keras.tree.map_structure(halved, x)
