"""TARGET and batch of the command line: from text to a model and arrays."""

import contextlib
import importlib
import importlib.util
import re
import reprlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np

from constrainit._text import visible
from constrainit._words import with_article
from constrainit.doctor import _fault_file
from constrainit.doctor._archive import check_model, read_arrays
from constrainit.doctor._batch import input_specs
from constrainit.doctor._factories import BATCH_MAKER, factories
from constrainit.doctor._frames import fault
from constrainit.doctor._limits import MAX_SIZE, ArchiveError, refuse
from constrainit.doctor._ration import check_activations, rationed

_MOST_NAMES, _MOST_FRAMES = 10, 20
_OF_CONFIG = re.compile(
    r"Could not interpret \w+ identifier: \{[^{}]*'class_name': '([^']+)'"
    r".*'registered_name': '(?:[^']*>)?\1'",
    re.DOTALL,
)
"""What Keras says of a constraint, an initializer or the like whose class it does not find.

Keras' own classes have no registered name: one that is not found there belongs to no module that
could be imported.
"""

_LAST = 10_000
"""Characters of such a message that are searched, from its end: it may quote a whole file."""

_OF_SEVERAL = "Could not interpret constraint identifier: ["
"""What Keras says of a list of constraints."""


class TargetError(Exception):
    """What was asked for can not be done; the message is the one sentence for the user."""


@contextlib.contextmanager
def running(what: str, *, only_ends: bool = False) -> Iterator[None]:
    """Turns what the user's own code raises into a TargetError with the user's own frames.

    An interruption goes through. The exit status of a `sys.exit` would be taken for the doctor's.

    Args:
        what: What is done meanwhile: the subject of the message.
        only_ends: Whether exceptions go through, and only what ends a program does not.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as exception:
        if only_ends and isinstance(exception, Exception):
            raise
        raise TargetError(f"{what} failed: {_with_frames(exception)}") from None


def load_target(
    target: str, imports: tuple[str, ...], max_size: int = MAX_SIZE
) -> tuple[keras.Model, ModuleType | None]:
    """The model that TARGET names, and the module that it came from.

    Args:
        target: `file.py:factory`, `module:factory` or `model.keras`; `file.py` alone where only
            one function of the file can be meant.
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
    place, _, factory = _with_factory(target).rpartition(":")
    module = _file(Path(place)) if place.endswith(".py") else _import(place)
    return _made(module, factory), module


def _with_factory(target):
    """TARGET with the function that is meant, which is read from a file without running it."""
    _, colon, factory = target.rpartition(":")
    if colon and factory.isidentifier():
        return target
    which = ""
    if target.endswith(".py"):
        _must_exist(Path(target))
        names = factories(Path(target))
        if len(names) == 1:
            return f"{target}:{names[0]}"
        which = f", whose functions without arguments are: {_listed(names)}"
    raise TargetError(
        "TARGET must be file.py:factory, module:factory or model.keras. "
        f"Received: {target!r}{which}."
    )


def _saved(path, max_size):
    _must_exist(path)
    try:
        with rationed(check_model(path, max_size)):
            model = keras.saving.load_model(path, safe_mode=True)
        if not isinstance(model, keras.Model):
            refuse(f"holds {with_article(type(model).__name__)}, which is no model")
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


def _must_exist(path):
    # A name that is too long is an error of the system.
    with contextlib.suppress(OSError):
        if path.is_file():
            return
    raise TargetError(f"There is no file {str(path)!r}.")


def _one_line(text, longest=400):
    """Without what could steer a terminal: the text may quote a file that somebody else made."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= longest else line[:longest] + " ..."


def _missing_class(message):
    for marker in ("Could not locate class '", "Could not locate function '", "Unknown layer: '"):
        if marker in message:
            return _one_line(message.split(marker)[1].split("'")[0], 100)
    found = _OF_CONFIG.search(message[-_LAST:])
    return _one_line(found[1], 100) if found else ""


def _import(name):
    with running(f"Importing {name!r}"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as exception:
            if not exception.name or name.split(".")[0] != exception.name.split(".")[0]:
                raise
    raise TargetError(f"There is no module {name!r} here or on the path.")


def _file(path):
    _must_exist(path)
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{str(path)!r} can not be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        with running(f"Running {str(path)!r}"):
            spec.loader.exec_module(module)
    except TargetError:
        sys.modules.pop(path.stem, None)
        raise
    return module


def _made(module, factory):
    with running(repr(factory)):
        make = getattr(module, factory, None)
    if not callable(make):
        raise TargetError(
            f"{module.__name__!r} has no function {factory!r}. It has: {_own_functions(module)}."
        )
    with running(repr(factory)):
        model = make()
    if not isinstance(model, keras.Model):
        raise TargetError(f"{factory!r} must return a keras.Model. It returned: {_brief(model)}.")
    if not hasattr(model, "name"):
        raise TargetError(
            f"{factory!r} returned a model that is not initialised. Write super().__init__() at "
            f"the beginning of {type(model).__name__}.__init__."
        )
    return model


def _own_functions(module):
    names = [
        name for name, value in vars(module).items()
        if callable(value) and not name.startswith("_")
        and getattr(value, "__module__", None) == module.__name__
    ]  # fmt: skip
    return _listed(names)


def _listed(names):
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more or "none"


def _brief(value):
    """One line for whatever a function returned, also where its own `__repr__` raises."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = 100
    return _one_line(" ".join(short.repr(value).split()))


def _with_frames(exception):
    found = fault(exception)
    lines = [str(found), *(f"  at {source}" for source in found.sources)]
    if len(lines) > _MOST_FRAMES:
        lines[_MOST_FRAMES // 2 : -_MOST_FRAMES // 2] = ["  ..."]
    if _OF_SEVERAL in str(found):
        lines.append(
            "  fix: a layer takes one constraint; join sets by &, as in "
            "constrainit.NonNegative() & constrainit.MaxNorm(3.0)"
        )
    return "\n".join(map(visible, lines))


def load_batch(
    module: ModuleType | None, data: str | None, max_size: int = MAX_SIZE
) -> tuple[Any, Any]:
    """`(x, y)` from a file, from `make_batch` of the module, or `(None, None)`.

    Raises:
        TargetError: The file can not be read, or `make_batch` raises or returns something else.
    """
    if data is not None:
        return _arrays(Path(data), max_size)
    make = getattr(module, BATCH_MAKER, None)
    if make is None:
        return None, None
    with running("'make_batch'"):
        batch = make()
    if not isinstance(batch, tuple) or len(batch) != 2:
        raise TargetError(
            "'make_batch' must return (x, y), or (x, None) where there are no targets. It returned "
            f"{with_article(type(batch).__name__)}."
        )
    return batch


def _arrays(path, max_size):
    _must_exist(path)
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
    _must_exist(path)
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
