"""What a fault is called: where in a step the first number arose that is not finite."""

import contextlib
import dataclasses
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.callbacks._fault_flags import is_finite
from constrainit.callbacks._fault_state import Evidence, State, arrays_of, is_lost

_NONFINITE = 4
"""Where `summarize` has the share of entries that are not finite."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """The first number that was not finite.

    Attributes:
        step: How many calls of the optimizer came before the step.
        stage: Where in the step: `"start"` (a weight was not finite before it, and the step is
            the first that it did harm to), `"batch"`, `"activation"`, `"loss"`, `"gradient"`,
            `"update"`, `"constraint"`, or `"state"` for a weight that is not trained.
        weights: The paths of the weights whose gradient or value is not finite in that step.
        layer: The first layer whose output is not finite, or an empty string.
        loss: The loss of the step, None where a `train_step` of its own keeps no
            mean of the name `loss`.
        path: The file that keeps the step, None if it could not be kept.
    """

    step: int
    stage: str
    weights: tuple[str, ...]
    layer: str
    loss: float | None
    path: str | None

    def __str__(self) -> str:
        named = ", ".join(self.weights[:3])
        named += f" and {len(self.weights) - 3} more" if len(self.weights) > 3 else ""
        what = {
            "start": f"{named} was not finite before it",
            "batch": "its batch is not finite",
            "activation": f"the output of {self.layer!r} is not finite",
            "loss": "the loss is not finite",
            "gradient": f"the gradient of {named} is not finite",
            "update": f"the update of the optimizer made {named} not finite",
            "constraint": f"the constraint made {named} not finite",
            "state": f"{named} became not finite",
        }[self.stage]
        more = f" (then the gradient of {named})" if self.stage == "activation" and named else ""
        loss = "" if self.loss is None else f"; loss {self.loss:.4g}"
        return f"At step {self.step} {what}{more}{loss}."

    def about(self) -> dict[str, Any]:
        """As plain values for JSON, which has no NaN."""
        return {**dataclasses.asdict(self), "loss": str(self.loss), "text": str(self)}


def judged(model: keras.Model, state: State, data: Any, found: Evidence) -> Fault:
    """The fault of a step.

    Args:
        model: As it was before the step; it comes back so.
        state: Its state.
        data: The batch.
        found: What was found behind the step.
    """
    weights, layer = found.weights, ""
    start = state.not_finite(model.trainable_variables)
    # First: a row that is lost and never drawn did no harm in the steps before.
    if not _is_finite(data):
        stage = "batch"
    elif start:
        stage, weights = "start", start
    else:
        layer = _first_layer(model, state, data)
        stage = "activation" if layer else "loss" if is_lost(found.loss) else found.stage
    paths = tuple(v.path for v in weights)
    return Fault(found.step, stage, paths, layer, found.loss, None)


def _is_finite(data):
    # Where it lies: of several processes each has but a part of it.
    return all(bool(is_finite(part)) for part in arrays_of(data) if _is_number(part))


def _is_number(part):
    return hasattr(part, "dtype") and "float" in keras.backend.standardize_dtype(part.dtype)


def _first_layer(model, state, data):
    """The first layer whose output is not finite, or an empty string."""
    from constrainit.doctor._recording import Recording, as_it_is
    from constrainit.doctor._statistics import summarize

    x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
    before, named = state.copy(), []
    # A model with a step of its own may take its batch in another way.
    with contextlib.suppress(Exception):
        recording = Recording(model)
        with recording.of(as_it_is, summarize) as outputs:
            model(keras.tree.map_structure(ops.convert_to_tensor, x), training=True)
        named = [name for name, *_ in recording.named]
    state.put(before)
    for name, output in zip(named, outputs if named else (), strict=True):
        if np.asarray(ops.convert_to_numpy(output))[_NONFINITE] > 0:
            return name
    return ""
