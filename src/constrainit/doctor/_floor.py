"""The least cross-entropy that logits allow which are bounded whatever the weights are."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._entering import noting
from constrainit.doctor._state import snapshot
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor._use import moved_weight
from constrainit.layers import OutputScale

_LARGE = 1e9
"""By how much all layers together are made larger."""

_ALIKE = 1e-3
_NOTHING = 1e-5

_MOST = 20.0
"""Logits that reach so far apart leave no loss worth the name."""


def floor_of(problem: Any, loss: Any, layer: Any, place: int) -> tuple[float, float]:
    """The least cross-entropy of hard labels that an output can give, and how far its logits reach.

    Zeros where nothing bounds the logits, or where it is not asked.

    Args:
        problem: What is trained.
        loss: A categorical cross-entropy of the output.
        layer: What the output comes out of.
        place: Which of the outputs it is.
    """
    name = str(getattr(loss, "name", ""))
    asked = "categorical_crossentropy" in name and not getattr(loss, "label_smoothing", 0)
    # Of other activations, such as a sigmoid, the shares are not those of their logarithms alone.
    asked = asked and (getattr(loss, "from_logits", False) or _gives_shares(layer))
    targets = to_numpy(keras.tree.flatten(problem.y)[place])
    if (
        not asked
        or not problem.is_small
        or not ("sparse" in name or np.isin(targets, (0, 1)).all())
    ):
        return 0.0, 0.0
    apart = _bound_of(problem, layer, getattr(loss, "from_logits", False), place)
    classes = keras.tree.flatten(problem.specs)[place].shape[-1]
    return (math.log1p((classes - 1) * math.exp(-apart)), apart) if apart < _MOST else (0.0, 0.0)


def _bound_of(problem, layer, logits, place):
    """How far the logits of one example can be apart; infinite if nothing was seen to bound them.

    All weights that no constraint holds are made large, so that what is still small is so by its
    construction: cosines, the outputs of a bounded activation. Of a dense layer the norms of its
    inputs and of its columns then bound the logits; of others the logits themselves are looked at,
    and what was seen is doubled. It is two at least, as the cosines of random directions are far
    smaller than those of trained ones: by the root of as many inputs as there are. What is smaller
    by more than that is so by its sets, as conductances are.
    """
    variables = problem.model.trainable_variables
    held = [(variable, snapshot(variable)) for variable in variables]
    most = 0.0
    try:
        for way in (1, -1):
            _enlarge(held, way)
            found = _apart(problem, layer, logits, place)
            most = max(most, found if math.isfinite(found) else math.inf)
            if most >= _MOST:
                break
    # A constraint, or a layer that is given such weights, may raise anything.
    except Exception:
        return math.inf
    finally:
        for variable, value in held:
            variable.assign(value)
    return most


def _enlarge(held, way):
    """Makes weights large, and those of a single number or vector small if `way` is negative."""
    kernels = sum(len(variable.shape) > 1 for variable, _ in held)
    factor, draws = _LARGE ** (1 / max(kernels, 4)), np.random.default_rng(0)
    for variable, value in held:
        by = factor if way > 0 or len(variable.shape) > 1 else 1 / factor
        variable.assign(ops.cast(by * moved_weight(to_numpy(value), draws), variable.dtype))
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable))


def _apart(problem, layer, logits, place):
    entered = []
    factor = _factor(layer)

    def note(_, inputs):
        norms = np.linalg.norm(to_numpy(inputs), axis=-1)
        entered.append((float(norms.min()), float(norms.max())))

    with noting([layer] if factor else [], note):
        outputs = keras.tree.flatten(problem.model(problem.x, training=False))
    if entered:
        low, high = min(low for low, _ in entered), max(high for _, high in entered)
        columns = np.linalg.norm(to_numpy(layer.kernel), axis=0).max()
        bias = np.ptp(to_numpy(layer.bias)) if layer.use_bias else 0.0
        # What is normalized has one norm; other inputs may become larger than was seen.
        high *= 1.0 if high - low <= _ALIKE * high else 1.5
        return float(factor * (2 * columns * high + bias))
    scores = to_numpy(outputs[place])
    with np.errstate(divide="ignore"):
        scores = scores if logits else np.log(scores)
    if not np.isfinite(scores).all():
        return math.inf
    most = 2 * float(np.ptp(scores, axis=-1).max())
    # What is the same for all classes, up to rounding, is so for other reasons.
    most_aligned = most * _aligned(problem) if most > _NOTHING else math.inf
    return min(max(2.0, most), most_aligned)


def _aligned(problem):
    """How many times as large sums may be whose terms, random so far, all have one sign."""
    kernels = [v for v in problem.model.trainable_variables if len(v.shape) > 1]
    sizes = [math.sqrt(math.prod(kernel.shape[:-1])) for kernel in kernels]
    return math.prod(sizes) if sizes else math.inf


def _gives_shares(layer):
    """Whether the last thing that a layer does is a softmax."""
    activation = getattr(layer, "activation", None)
    if isinstance(activation, OutputScale):
        activation = activation.activation
    return isinstance(layer, keras.layers.Softmax) or activation is keras.activations.softmax


def _factor(layer):
    """What a dense layer multiplies its sums by before a softmax; 0 if that is not known."""
    if not isinstance(layer, keras.layers.Dense):
        return 0.0
    activation, factor = layer.activation, 1.0
    if isinstance(activation, OutputScale):
        factor = abs(float(to_numpy(activation.scale)))
        activation = activation.activation
    known = activation in (None, keras.activations.linear, keras.activations.softmax)
    return factor if known else 0.0
