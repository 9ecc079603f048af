"""Checks of what `diagnose` is called with."""

import difflib
import re
import reprlib
from typing import Any

import keras
import numpy as np

from constrainit import _checks
from constrainit._came import came
from constrainit._present import check_values
from constrainit._shapes import input_specs, misfits
from constrainit._words import counted
from constrainit.doctor._own_step import has_own_step

OF_BACKEND = re.compile(r"keras\.src\.backend\.(\w+)\.optimizers")
"""The module of an optimizer that only one backend has."""


def check(model: Any, loss: Any, optimizer: Any, seed: Any, steps: Any) -> None:
    """Raises ValueError where one of these is not what `diagnose` takes."""
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"`model` of `diagnose` must be a keras.Model. Received: model={came(model)}. Write "
            "diagnose(model, x, y)."
        )
    check_values("diagnose", model)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(
            f"`seed` of `diagnose` must be an integer of at least 0. Received: seed={came(seed)}."
        )
    for part in keras.tree.flatten(loss):
        _known("loss", part, keras.losses.get)
    _known("optimizer", optimizer, keras.optimizers.get)
    other = foreign(optimizer or getattr(model, "optimizer", None))
    if other:
        raise ValueError(
            f"`optimizer` of `diagnose` must be of the backend {keras.backend.backend()!r}. "
            f"Received: one of {other!r}, with which the model was saved. Compile the model anew, "
            f"or set KERAS_BACKEND={other}."
        )
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise ValueError(
            "`steps` of `diagnose` must be None or a positive integer. Received: "
            f"steps={came(steps)}."
        )


def file_of_step(replay: Any, x: Any, y: Any) -> str | None:
    """The name of the file that is replayed, if there is one.

    Raises:
        ValueError: It is no path, or there is another batch.
    """
    if replay is None:
        return None
    must = "be the path of a file of StopAtFault, or None"
    path = _checks.file_path("diagnose", "replay", replay, must)
    if x is not None or y is not None:
        raise ValueError("`replay` of `diagnose` brings its own batch: leave out `x` and `y`.")
    return str(path)


def foreign(optimizer: Any) -> str:
    """The backend that an optimizer is of, if it is another one than that of Keras; else empty.

    A file that was saved on PyTorch names a class of that backend, which Keras loads on others.
    """
    kinds = type(getattr(optimizer, "inner_optimizer", optimizer)).__mro__
    found = [m[1] for kind in kinds if (m := OF_BACKEND.match(kind.__module__))]
    return next((name for name in found if name != keras.backend.backend()), "")


def as_many(x: Any, y: Any) -> None:
    """Raises ValueError where inputs and targets are of different numbers of examples."""
    counts = [
        {len(part) for part in keras.tree.flatten(values) if getattr(part, "shape", None)}
        for values in (x, y)
    ]
    # Inputs of several lengths, as of a graph, are the model's own affair.
    if len(counts[0]) == 1 == len(counts[1]) and counts[0] != counts[1]:
        (x,), (y,) = counts
        raise ValueError(
            f"`x` and `y` of `diagnose` must hold as many examples each. Received: x={x}, y={y}."
        )


def apart(model: Any, x: Any, y: Any) -> None:
    """Raises ValueError where inputs and targets are not given as two arguments, or not both."""
    if x is None and y is not None:
        raise ValueError(
            "`x` of `diagnose` must be given where there is `y`: targets of inputs that are drawn "
            "mean nothing. Received: x=None. Write diagnose(model, x, y), or diagnose(model) for "
            "both to be drawn."
        )
    if y is not None or not isinstance(x, (list, tuple)):
        return
    specs = input_specs(model)
    if specs is not None and not misfits(specs, x):
        return
    kind = f"a {type(x).__name__}"
    if x and all(isinstance(one, (list, tuple)) and len(one) == 2 for one in x):
        raise ValueError(
            "`x` and `y` of `diagnose` must be two arguments, of one batch. Received: x is "
            f"{kind} of {counted(len(x), 'pair')}. Write diagnose(model, x, y); of pairs of "
            "batches with x, y = pairs[0], of pairs of samples with x, y = map(np.array, "
            "zip(*pairs))."
        )
    inputs = len(keras.tree.flatten(specs))
    if len(x) == 2 and len(keras.tree.flatten(x)) == 2 and specs is not None and inputs == 1:
        raise ValueError(
            "`x` and `y` of `diagnose` must be two arguments. Received: x is "
            f"{kind} of two arrays, and {model.name!r} has one input. Write diagnose(model, x, y)."
        )


def _no_stream(name, part):
    """Raises ValueError for what gives batches one after the other."""
    batches = isinstance(part, keras.utils.PyDataset)
    gives = hasattr(part, "__iter__") and not hasattr(part, "shape")
    if batches or (gives and not isinstance(part, (str, bytes))):
        take = "data[0]" if batches else "next(iter(data))"
        raise ValueError(
            f"`{name}` of `diagnose` must be arrays: one batch is looked at. Received: a "
            f"{type(part).__name__}. Take a batch of it: x, y = {take}."
        )


def arrays(name: str, values: Any) -> None:
    """Raises ValueError where what was given as `x` or `y` holds no arrays of numbers."""
    leaves = [] if values is None else keras.tree.flatten(values)
    parts = [part for part in leaves if part is not None]
    if name == "x" and len(parts) < len(leaves):
        raise ValueError(
            "`x` of `diagnose` must be arrays, without None among them. Received: None in a "
            f"{type(values).__name__}. Inputs and targets are given apart: diagnose(model, x, y)."
        )
    for part in parts:
        _no_stream(name, part)
    if not all(map(np.shape, parts)) or len(parts) == 0 < len(leaves):
        raise ValueError(
            f"`{name}` of `diagnose` must be an array, or arrays in lists and dicts, as `fit` "
            f"takes them. Received: {name}={reprlib.repr(values)}."
        )
    for part in parts:
        if not np.shape(part)[0]:
            raise ValueError(
                f"`{name}` of `diagnose` must hold at least one sample. Received: shape "
                f"{np.shape(part)}."
            )
        if _is_of_no_numbers(part):
            raise ValueError(
                f"`{name}` of `diagnose` must hold numbers. Received: an array of "
                f"dtype={part.dtype} and shape {part.shape}. Write {name}.astype('float32') if it "
                "holds some."
            )


def _is_of_no_numbers(part):
    if not isinstance(part, np.ndarray) or part.dtype.kind not in "OSU":
        return False
    # It has tensors of text.
    takes_text = keras.backend.backend() == "tensorflow"
    return not takes_text or not all(isinstance(one, (str, bytes)) for one in part.flat)


def _known(name, value, get):
    try:
        if value is not None:
            get(value)
    # Keras raises several kinds.
    except Exception:
        raise ValueError(
            f"`{name}` of `diagnose` must be what `compile` takes. Received: {name}={came(value)}."
            f"{_near(value, _NAMES[name])}"
        ) from None


_NAMES = {
    "loss": keras.src.losses.ALL_OBJECTS_DICT,
    "optimizer": keras.src.optimizers.ALL_OBJECTS_DICT,
}


def _near(value, names):
    """The names that one that is not known may be meant for, as a sentence."""
    near = difflib.get_close_matches(str(value).lower(), [n for n in names if n.islower()])
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


def targets(model: Any, y: Any, loss: Any) -> None:
    """Raises ValueError where an output that has a loss was given no target.

    Asked of models that know their outputs, of a loss that Keras hands out to them.

    Args:
        model: A model that is built.
        y: What was given as targets.
        loss: In place of the loss that the model was compiled with.
    """
    outputs = getattr(model, "_outputs_struct", None)
    own = type(model).compute_loss is not keras.Model.compute_loss or has_own_step(model)
    if y is None or own or len(keras.tree.flatten(outputs)) < 2:
        return
    names = list(outputs) if isinstance(outputs, dict) else list(model.output_names)
    loss = getattr(model, "loss", None) if loss is None else loss
    asked = [name for name in names if _has_loss(loss, name, names)]
    given = _given_names(y, names)
    missing = [name for name in asked if name not in given]
    # Without names Keras hands them out to the losses in their order.
    if missing and (isinstance(y, dict) or len(given) != len(asked)):
        raise ValueError(
            f"`y` of `diagnose` must hold targets for each output that has a loss: "
            f"{', '.join(map(repr, asked))}. Received: {_told(y, given)}. Missing: "
            f"{', '.join(map(repr, missing))}."
        )


def _has_loss(loss, name, names):
    if isinstance(loss, dict):
        return loss.get(name) is not None
    if isinstance(loss, (list, tuple)):
        return names.index(name) < len(loss) and loss[names.index(name)] is not None
    return loss is not None


def _given_names(y, names):
    if isinstance(y, dict):
        return [name for name in y if y[name] is not None]
    if isinstance(y, (list, tuple)):
        return [name for name, part in zip(names, y, strict=False) if part is not None]
    return names[:1]


def _told(y, given):
    if isinstance(y, dict):
        return f"targets for {', '.join(map(repr, given)) or 'none of them'}"
    nested = isinstance(y, (list, tuple))
    return f"a {type(y).__name__} of {len(y)}" if nested else "one array"
