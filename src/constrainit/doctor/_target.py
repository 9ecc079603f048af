"""TARGET and batch of the command line: from text to a model and arrays."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np

from constrainit.doctor import _fault_file
from constrainit.doctor._archive import check_model, read_arrays
from constrainit.doctor._batch import input_specs
from constrainit.doctor._frames import fault
from constrainit.doctor._limits import MAX_SIZE, ArchiveError, refuse
from constrainit.doctor._ration import check_activations, rationed

_WHATEVER = (Exception, SystemExit)
"""What a user's code may raise; its own exit status would be taken for the doctor's."""


class TargetError(Exception):
    """What was asked for can not be done; the message is the one sentence for the user."""


def load_target(
    target: str, imports: tuple[str, ...], max_size: int = MAX_SIZE
) -> tuple[keras.Model, ModuleType | None]:
    """The model that TARGET names, and the module that it came from.

    Args:
        target: `file.py:factory`, `module:factory` or `model.keras`.
        imports: Modules to import first, for the custom objects that they register.
        max_size: Bytes that a .keras file may unpack to.

    Raises:
        TargetError: With one sentence that says why.
    """
    sys.path.insert(0, str(Path.cwd()))
    for name in imports:
        _import(name)
    if target.endswith(".keras"):
        return _saved(Path(target), max_size), None
    place, colon, factory = target.rpartition(":")
    if not colon or not factory.isidentifier():
        raise TargetError(
            f"TARGET must be file.py:factory, module:factory or model.keras. Received: {target!r}."
        )
    module = _file(Path(place)) if place.endswith(".py") else _import(place)
    return _made(module, factory), module


def _saved(path, max_size):
    if not path.is_file():
        raise TargetError(f"There is no file {str(path)!r}.")
    try:
        with rationed(check_model(path, max_size)):
            model = keras.saving.load_model(path, safe_mode=True)
        if not isinstance(model, keras.Model):
            refuse(f"holds a {type(model).__name__}, which is no model")
        check_activations(model, max_size)
    except ArchiveError as reason:
        raise TargetError(f"{str(path)!r} is not loaded: it {reason}.") from None
    # Keras raises many kinds for a file that is damaged or needs classes that it can not find.
    except Exception as exception:
        missing = _missing_class(str(exception))
        if missing:
            raise TargetError(
                f"{str(path)!r} needs the custom object {missing!r}, which is not registered. Name "
                "the module that registers it: --import MODULE."
            ) from None
        reason = _one_line(str(fault(exception)))
        raise TargetError(f"{str(path)!r} can not be loaded: {reason}") from None
    return model


def _one_line(text, longest=400):
    """Without what could steer a terminal: the text may quote a file that somebody else made."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= longest else line[:longest] + " ..."


def _missing_class(message):
    for marker in ("Could not locate class '", "Could not locate function '", "Unknown layer: '"):
        if marker in message:
            return _one_line(message.split(marker)[1].split("'")[0], 100)
    return ""


def _import(name):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exception:
        if exception.name and name.split(".")[0] == exception.name.split(".")[0]:
            raise TargetError(f"There is no module {name!r} here or on the path.") from None
        raise TargetError(f"Importing {name!r} failed: {_with_frames(exception)}") from None
    # Any code may be at the top level of a module.
    except _WHATEVER as exception:
        raise TargetError(f"Importing {name!r} failed: {_with_frames(exception)}") from None


def _file(path):
    if not path.is_file():
        raise TargetError(f"There is no file {str(path)!r}.")
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{str(path)!r} can not be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    # Any code may be at the top level of a file.
    except _WHATEVER as exception:
        del sys.modules[path.stem]
        raise TargetError(f"Running {str(path)!r} failed: {_with_frames(exception)}") from None
    return module


def _made(module, factory):
    make = getattr(module, factory, None)
    if not callable(make):
        names = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        raise TargetError(
            f"{module.__name__!r} has no function {factory!r}. "
            f"It has: {', '.join(names) or 'none'}."
        )
    try:
        model = make()
    # Whatever the user's factory raises is shown with the user's own frames.
    except _WHATEVER as exception:
        raise TargetError(f"{factory!r} failed: {_with_frames(exception)}") from None
    if not isinstance(model, keras.Model):
        raise TargetError(f"{factory!r} must return a keras.Model. It returned: {model!r}.")
    return model


def _with_frames(exception):
    found = fault(exception)
    return "\n".join([str(found), *(f"  at {source}" for source in found.sources)])


def load_batch(
    module: ModuleType | None, data: str | None, max_size: int = MAX_SIZE
) -> tuple[Any, Any]:
    """`(x, y)` from a file, from `make_batch` of the module, or `(None, None)`.

    Raises:
        TargetError: The file can not be read, or `make_batch` raises or returns something else.
    """
    if data is not None:
        return _arrays(Path(data), max_size)
    make = getattr(module, "make_batch", None)
    if make is None:
        return None, None
    try:
        batch = make()
    # Whatever the user's function raises is shown with the user's own frames.
    except _WHATEVER as exception:
        raise TargetError(f"'make_batch' failed: {_with_frames(exception)}") from None
    if not isinstance(batch, tuple) or len(batch) != 2:
        raise TargetError(f"'make_batch' must return (x, y). It returned a {type(batch).__name__}.")
    return batch


def _arrays(path, max_size):
    if not path.is_file():
        raise TargetError(f"There is no file {str(path)!r}.")
    try:
        arrays = read_arrays(path, max_size)
    except ArchiveError as reason:
        raise TargetError(f"{str(path)!r} is not read: it {reason}.") from None
    if "x" not in arrays:
        raise TargetError(
            f"{str(path)!r} must hold an array 'x', and 'y' for the targets. It holds: "
            f"{', '.join(map(repr, arrays)) or 'nothing'}. Write it with np.savez(file, x=x, y=y)."
        )
    return arrays["x"], arrays.get("y")


def load_fault(
    model: keras.Model, file: str, max_size: int = MAX_SIZE
) -> tuple[Any, Any, list[str]]:
    """Puts a model where a file of `StopAtFault` says; the batch, and sentences about both.

    Raises:
        TargetError: The file can not be read, or is of another model.
    """
    path = Path(file)
    if not path.is_file():
        raise TargetError(f"There is no file {file!r}.")
    try:
        kept = _fault_file.read(path, max_size)
        x, y, weights = _fault_file.parts(kept.data)
        said = [_one_line(f"replayed from {file}: {kept.about.get('text')}")]
        said += _fault_file.restore(model, kept, x)
    except ArchiveError as reason:
        raise TargetError(f"{file!r} is not read: it {reason}.") from None
    if weights is not None:
        said.append("the weights of samples are left out")
    return x, y, said


def check_batch(model: keras.Model, x: Any, source: str) -> None:
    """Raises TargetError if a built model can not take the shape of `x`."""
    specs = input_specs(model)
    if specs is None:
        return
    for spec, part in zip(keras.tree.flatten(specs), keras.tree.flatten(x), strict=False):
        shape = np.shape(part)
        wanted = tuple(spec.shape)
        fits = len(shape) == len(wanted) and all(
            w in (None, s) for w, s in zip(wanted[1:], shape[1:], strict=True)
        )
        if not fits:
            shown = tuple("batch" if i == 0 else size for i, size in enumerate(wanted))
            raise TargetError(f"{source} has the shape {shape}, but the model takes {shown}.")
