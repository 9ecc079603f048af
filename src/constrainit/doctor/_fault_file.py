"""The file in which a step is kept that went wrong: plain arrays and a description in JSON.

It is read through `_archive.py`, as every file from elsewhere, and runs nothing.
"""

import json
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from constrainit.doctor._archive import DAMAGED, read_arrays
from constrainit.doctor._limits import CONFIG, MAX_SIZE, brief, refuse
from constrainit.doctor._replayed import Start
from constrainit.doctor._statistics import to_numpy
from constrainit.model import is_built

FORMAT, VERSION = "constrainit fault", 1


@dataclass(frozen=True)
class Kept:
    """A step as it was before it went wrong.

    Attributes:
        about: What is said of it: step, stage, weights, layer, loss.
        data: The batch as `fit` had it: inputs, targets, weights of samples.
        model: The variables of the model, in its order.
        optimizer: Those of the optimizer.
    """

    about: dict[str, Any]
    data: Any
    model: list[np.ndarray]
    optimizer: list[np.ndarray]


def is_own(variable: Any) -> bool:
    """Whether a variable of an optimizer belongs to a callback of this library."""
    return variable.name.startswith("constrainit_")


def may_replace(path: Path) -> bool:
    """Whether nothing but an earlier step would be lost by keeping one in a file.

    Raises:
        PermissionError: There is a file that can not be read.
    """
    if not path.is_file() or path.stat().st_size == 0:
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("fault.npy").file_size > 2 * CONFIG:
                return False
            with archive.open("fault.npy") as stream:
                told = json.loads(np.lib.format.read_array(stream, allow_pickle=False).tobytes())
        return told["format"] == FORMAT
    except PermissionError:
        raise
    # What the standard library and NumPy raise for something else, or for what is damaged.
    except (*DAMAGED, KeyError, TypeError, RecursionError):
        return False


def write(path: Path, about: dict[str, Any], data: Any, model: keras.Model) -> None:
    """Keeps a batch with the present weights and optimizer of a model, whole or not at all.

    Raises:
        OSError: The file can not be written.
        TypeError: The batch holds something else than numbers.
    """
    arrays: dict[str, np.ndarray] = {}
    kept = [v for v in model.optimizer.variables if not is_own(v)]
    told = {
        "format": FORMAT,
        "version": VERSION,
        "about": about,
        "data": _structure(data, arrays),
        "model": [_put(arrays, f"model/{i}", v) for i, v in enumerate(model.variables)],
        "optimizer": [_put(arrays, f"optimizer/{i}", v) for i, v in enumerate(kept)],
    }
    arrays["fault"] = np.frombuffer(json.dumps(told).encode(), "uint8")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _structure(data, arrays):
    """The nesting of a batch, with the names of arrays in place of its leaves."""
    if isinstance(data, dict):
        return {"of": "dict", "parts": {str(k): _structure(v, arrays) for k, v in data.items()}}
    if isinstance(data, (list, tuple)):
        return {"of": "list", "parts": [_structure(part, arrays) for part in data]}
    if data is None:
        return None
    name = f"data/{sum(n.startswith('data/') for n in arrays)}"
    return {"of": "array", **_put(arrays, name, data)}


def _put(arrays, name, value):
    path = getattr(value, "path", "")
    inner: Any = getattr(value, "value", None)
    # A variable that TensorFlow holds once for each replica.
    if hasattr(inner, "read_value"):
        value = inner.read_value()
    value = np.asarray(ops.convert_to_numpy(value))
    dtype = value.dtype.name
    if value.dtype.kind in "OSU":
        raise TypeError(f"an array of {dtype}")
    # NumPy would write bfloat16 and float8 as bytes that it can not read as numbers.
    if value.dtype.kind not in "fiub":
        value = value.view(f"uint{8 * value.dtype.itemsize}")
    arrays[name] = value
    return {"name": name, "dtype": dtype, "path": path}


def read(path: Path, max_size: int = MAX_SIZE) -> Kept:
    """Reads what `write` has kept.

    Raises:
        ArchiveError: The file is damaged, hostile, something else, or of a newer version.
    """
    arrays = read_arrays(path, max_size)
    text = arrays.get("fault")
    if text is None or text.dtype != np.uint8 or text.ndim != 1 or text.size > CONFIG:
        refuse("is no file of StopAtFault. Arrays x and y are given with --data")
    try:
        told = json.loads(text.tobytes())
        if told["format"] != FORMAT:
            raise ValueError
        version = int(told["version"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        refuse("is no file of StopAtFault: what it says of itself can not be read")
    if version > VERSION:
        refuse(
            f"was written by a newer constrainit (version {version}, this one knows {VERSION}). "
            "Update constrainit"
        )
    try:
        groups = [[_get(arrays, one) for one in told[name]] for name in ("model", "optimizer")]
        about = told["about"]
        if not isinstance(about, dict):
            raise TypeError
        return Kept(about, _build(told["data"], arrays), *groups)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        refuse("is damaged: its description does not fit its arrays")


def _get(arrays, one):
    """An array; a number of a dtype that NumPy itself does not have is widened to float32."""
    value, dtype = arrays[one["name"]], one["dtype"]
    if value.dtype.name == dtype:
        return value
    import ml_dtypes

    return value.view(np.dtype(getattr(ml_dtypes, dtype))).astype("float32")


def _build(node, arrays):
    if node is None:
        return None
    if node["of"] == "dict":
        return {name: _build(part, arrays) for name, part in node["parts"].items()}
    if node["of"] == "list":
        return tuple(_build(part, arrays) for part in node["parts"])
    return _get(arrays, node)


def parts(data: Any) -> tuple[Any, Any, Any]:
    """A batch as inputs, targets and weights of samples.

    Raises:
        ArchiveError: It is none.
    """
    if data is None or (isinstance(data, tuple) and not 1 <= len(data) <= 3):
        refuse("is damaged: it holds no batch")
    return keras.utils.unpack_x_y_sample_weight(data)


def restore(
    model: keras.Model, kept: Kept, x: Any, with_optimizer: bool
) -> tuple[list[str], Start]:
    """Puts a model where it was before the step; gives what was left out, and where it was.

    Args:
        model: Built or not.
        kept: The step.
        x: Its inputs, for a model that is not built.
        with_optimizer: Whether its optimizer is put there, too.

    Raises:
        ArchiveError: The file is of another model.
    """
    if not is_built(model):
        try:
            model(tree.map_structure(lambda a: keras.KerasTensor(a.shape, a.dtype.name), x))
        # Whatever a layer raises for inputs of another shape.
        except Exception as reason:
            refuse(f"is of another model: this one can not be built on its batch ({brief(reason)})")
    values = [to_numpy(v) for v in model.variables]
    step = kept.about.get("step")
    step = step if isinstance(step, int) else 0
    _assign("weights", model.variables, kept.model)
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None or not with_optimizer:
        why = "another optimizer was given" if optimizer else "the model is not compiled"
        left_out = f"the optimizer's state of the file is left out, as {why}"
        return [left_out], Start(values, [], step)
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    states = [to_numpy(v) for v in optimizer.variables]
    _assign("variables of the optimizer", optimizer.variables, kept.optimizer)
    return [], Start(values, states, step)


def _assign(what, variables, values):
    own = [tuple(v.shape) for v in variables]
    theirs = [v.shape for v in values]
    if own != theirs:
        place = next(
            (i for i, pair in enumerate(zip(own, theirs, strict=False)) if pair[0] != pair[1]), None
        )
        more = (
            f"{len(theirs)} against {len(own)}"
            if place is None
            else f"{variables[place].path} is {own[place]} here and {theirs[place]} there"
        )
        refuse(f"is of another model: its {what} are not those of this one ({more})")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(ops.cast(ops.convert_to_tensor(value), variable.dtype))
