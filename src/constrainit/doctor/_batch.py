"""A batch, targets and a loss for a model that came without them."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from constrainit._shapes import in_declared_order, input_specs
from constrainit.doctor._recording import is_float

BATCH = 32


def inputs_for(model: keras.Model, shapes: list[tuple[int, ...]] | None, seed: int) -> Any:
    """A batch of standard normal numbers (valid indices for integer inputs).

    It has the structure of the model's inputs, where the model says it and `shapes` are as many,
    in the order in which the inputs were declared; else it is a list of arrays.

    Raises:
        ValueError: The model does not say what it takes and no shape was given.
    """
    draws = np.random.default_rng(seed)
    specs, indices = input_specs(model), _smallest_vocabulary(model)

    def one(shape, dtype="float32"):
        if "int" in dtype:
            return draws.integers(0, indices, size=shape).astype(dtype)
        return draws.normal(size=shape).astype("float32")

    if shapes is not None:
        sizes = [(BATCH, *shape) for shape in shapes]
        if specs is not None and len(sizes) == len(tree.flatten(specs)):
            each = iter(sizes)
            return in_declared_order(lambda spec: one(next(each), spec.dtype), specs)
        made = [one(size) for size in sizes]
        return made[0] if len(made) == 1 else made
    if specs is None:
        raise ValueError(
            f"`x` must be given for {model.name!r}, which does not say what shape it takes. Pass a "
            "batch, or give the shape of one sample (--input-shape on the command line)."
        )

    def fitting(spec):
        shape = tuple(BATCH if i == 0 else size or 16 for i, size in enumerate(spec.shape))
        return one(shape, spec.dtype)

    return tree.map_structure(fitting, specs)


def _smallest_vocabulary(model):
    layers = model._flatten_layers()
    return min((e.input_dim for e in layers if isinstance(e, keras.layers.Embedding)), default=2)


def targets_for(model: keras.Model, outputs: Any, loss: Any, seed: int) -> Any:
    """Targets of the right form for `loss`, drawn at random; `outputs` are the model's shapes."""
    draws = np.random.default_rng(seed + 1)

    def one(output, loss):
        shape = tuple(output.shape)
        name = str(getattr(loss, "name", getattr(loss, "__name__", loss)))
        if "sparse" in name:
            return draws.integers(0, shape[-1], size=shape[:-1]).astype("int32")
        if "categorical" in name:
            return np.eye(shape[-1], dtype="float32")[draws.integers(0, shape[-1], shape[:-1])]
        if "binary" in name:
            return draws.integers(0, 2, size=shape).astype("float32")
        return draws.normal(size=shape).astype("float32")

    flat = tree.flatten(outputs)
    made = [one(*pair) for pair in zip(flat, _loss_of_each(model, outputs, loss), strict=True)]
    return tree.pack_sequence_as(outputs, made)


def _loss_of_each(model, outputs, loss):
    """The loss of each output, where `loss` may be one for all, a list or a dictionary."""
    count = len(tree.flatten(outputs))
    if isinstance(loss, dict):
        names = sorted(outputs) if isinstance(outputs, dict) else model.output_names
        return [loss.get(name) for name in names]
    return list(loss) if isinstance(loss, (list, tuple)) else [loss] * count


def default_loss(model: keras.Model, outputs: Any, y: Any) -> tuple[Any, str]:
    """A loss for a model that is not compiled, and the sentence that says which."""
    flat, targets = tree.flatten(outputs), tree.flatten(y) if y is not None else []
    classes = len(flat) == 1 and len(targets) == 1 and flat[0].shape[-1] > 1
    if classes and np.issubdtype(np.asarray(targets[0]).dtype, np.integer):
        last = getattr(model.layers[-1], "activation", None) if model.layers else None
        logits = last is not keras.activations.softmax
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
        return loss, "not compiled: sparse categorical cross-entropy, as the targets are integers"
    return "mse", "not compiled: mean squared error"


def name_of_loss(loss: Any) -> str:
    """The name of a loss as it was given."""
    if loss is None:
        return "the model's own"
    if isinstance(loss, str):
        return loss
    return getattr(loss, "name", None) or str(getattr(loss, "__name__", type(loss).__name__))


def loss_of(model: keras.Model, x: Any, y: Any, predictions: Any) -> Any:
    """The loss of predictions; NaN where PyTorch raises because they are not finite.

    Its binary cross-entropy refuses a NaN, for which the other backends give NaN.
    """
    try:
        return model.compute_loss(x=x, y=y, y_pred=predictions, sample_weight=None)
    except RuntimeError:
        total = sum(ops.sum(one) for one in keras.tree.flatten(predictions) if is_float(one))
        if keras.backend.backend() != "torch" or bool(ops.isfinite(total)):
            raise
        return total * math.nan
