"""Whether what a model gives for an example depends on the others of its batch."""

import inspect
from typing import Any

import keras
import ml_dtypes
import numpy as np

from constrainit.doctor._recording import given_in_prediction, is_custom, is_float

_FEWEST = 4
_DIFFERENT = 1e-2
"""From which share of the spread of an output on it is another one, and no rounding."""

_NOISY = 10.0
"""By how many times what the last digit of the inputs changes another batch may, by rounding."""

_SAME = 1e-6
_UNITS, _SINGLE = 16, 2.0**-23
"""Of so many units in the last place sums that are added up in another order may be apart."""


def mixes_examples(problem: Any) -> tuple[str, float] | None:
    """The first layer that gives the first half of a batch something else without the other half.

    And by how much, relative to the spread of its output. None where there is no such layer, or
    where it can not be asked: of a few examples, of a batch of one size, of states that are kept
    between batches, and of what is not the same twice. Not asked of layers of Keras alone, which
    take examples apart; on JAX a pass outside of a compiled function takes seconds.
    """
    model, parts = problem.model, keras.tree.flatten(problem.x)
    if not any(map(_may_mix, model._flatten_layers())):
        return None
    count = parts[0].shape[0] if parts[0].shape else 0
    fixed = any(one.shape[:1] != (None,) for one in getattr(model, "inputs", None) or [])
    inner = model._flatten_layers(include_self=False)
    kept = any(getattr(layer, "stateful", False) for layer in inner)
    alike = all(len(part.shape) and part.shape[0] == count for part in parts)
    if not problem.is_small or count < _FEWEST or fixed or kept or not alike:
        return None
    half = keras.tree.map_structure(lambda part: part[: count // 2], problem.x)
    # What takes only whole batches, such as the nodes of a graph, raises.
    try:
        whole, again, first = (_pass(problem, x) for x in (problem.x, problem.x, half))
    except Exception:
        return None
    for name, value in whole.items():
        other, part = again[name], first.get(name)
        if part is None or value.shape[:1] != (count,) or part.shape != value[: len(part)].shape:
            continue
        spread = float(np.std(value)) if np.isfinite(value).all() else 0.0
        least = _rounding(problem) * float(np.abs(value).max(initial=0.0))
        if not spread > least or np.abs(value - other).max() > _SAME * spread:
            continue
        apart = float(np.abs(value[: len(part)] - part).max() / spread)
        if apart > max(_DIFFERENT, _NOISY * _noise(problem, name, value) / spread):
            return name, apart
    return None


def _noise(problem, name, value):
    """By how much what a layer gives changes as the last digit of its model's inputs does.

    Differences that are divided by a small step are rounding, which another size of batch changes.
    """
    eps = _rounding(problem) / _UNITS

    def nudged(part):
        return part * (1 + eps) if is_float(part) else part

    other = _pass(problem, keras.tree.map_structure(nudged, problem.x))[name]
    return float(np.abs(other - value).max()) if other.shape == value.shape else 0.0


def mixes_later(problem: Any, evidence: Any) -> tuple[str, float] | None:
    """The same after the steps, where the start could not tell.

    Weights that are all alike, or zero, make some layers give all examples the same, so that
    nothing there depends on any of them.
    """
    last = {one.layer: one for one in evidence.outputs_last}
    written = {one.name for one in problem.model._flatten_layers() if _may_mix(one)}
    alike = [o for o in evidence.outputs if o.layer in written and _is_alike(problem, o)]
    after = [last[one.layer] for one in alike if one.layer in last]
    told = any(not one.nonfinite and not _is_alike(problem, one) for one in after)
    return mixes_examples(problem) if told else None


def _is_alike(problem, output):
    """Whether an output varies over the batch by no more than the order of its sums may tell."""
    return not output.spread > _rounding(problem) * output.peak


def _rounding(problem):
    """How far apart two results may be, relative to the largest, that are the same."""
    dtype = problem.model.compute_dtype or "float32"
    return _UNITS * max(float(ml_dtypes.finfo(dtype).eps), _SINGLE)


def _may_mix(layer):
    """Whether it computes what somebody wrote, or works along the first axis."""
    axis = getattr(layer, "axis", None)
    along = 0 in axis if isinstance(axis, list | tuple) else axis == 0
    single = any(not isinstance(one, keras.Layer) for one in getattr(layer, "operations", ()))
    activation = getattr(layer, "activation", None)
    written = inspect.isroutine(activation) and not activation.__module__.startswith("keras.")
    own = written or isinstance(layer, keras.layers.Lambda) or is_custom(layer)
    return along or single or own


def _pass(problem, x):
    """What each layer, and at last the model, gives in prediction, in the order of execution."""
    found: dict[str, np.ndarray] = {}
    for name, value in given_in_prediction(problem.model, x):
        # Of a layer that is called again the first call is looked at.
        found.setdefault("" if name == problem.model.name else name, value)
    return found
