"""TARGET of the command line: from text to a model."""

import contextlib
import importlib
import importlib.util
import reprlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import keras

from constrainit._text import cut, visible
from constrainit._words import listed, with_article
from constrainit.doctor._archive import check_model
from constrainit.doctor._arguments import OF_BACKEND, foreign
from constrainit.doctor._factories import factories, models
from constrainit.doctor._frames import fault
from constrainit.doctor._imported import classes_of, how_to_find, missing_object
from constrainit.doctor._limits import MAX_SIZE, ArchiveError, refuse
from constrainit.doctor._lost_arguments import lost_arguments
from constrainit.doctor._ration import check_activations, rationed
from constrainit.doctor._undrawn import undrawn

_MOST_NAMES, _MOST_FRAMES = 10, 20
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
    target: str, imports: tuple[str, ...], max_size: int = MAX_SIZE, *, compiled: bool = True
) -> tuple[keras.Model, ModuleType | None]:
    """The model that TARGET names, and the module that it came from.

    Args:
        target: `file.py:factory`, `module:factory` or `model.keras`, where a model may stand in
            place of a factory; `file.py` alone where only one in the file can be meant.
        imports: Modules, or their files, to import first, for the custom objects in them.
        max_size: Bytes that a .keras file may unpack to.
        compiled: Whether a saved model is needed with its optimizer, which is of one backend.

    Raises:
        TargetError: With one sentence that says why.
    """
    sys.path.insert(0, str(Path.cwd()))
    modules = [_module(name) for name in imports]
    if target.endswith(".keras"):
        with keras.saving.custom_object_scope(classes_of(modules)):
            return _saved(Path(target), max_size, compiled, modules), None
    place, _, factory = _with_factory(target).rpartition(":")
    module = _module(place)
    return _made(module, factory), module


def _with_factory(target):
    """TARGET with the function that is meant, which is read from a file without running it."""
    _, colon, factory = target.rpartition(":")
    if colon and factory.isidentifier():
        return target
    which = hint = ""
    if target.endswith(".py"):
        must_exist(Path(target))
        names, made = factories(Path(target)), models(Path(target))
        if len(names) == 1 or (not names and len(made) == 1):
            return f"{target}:{(names or made)[0]}"
        which = f", whose functions without arguments are: {_listed(names)}"
        if made:
            which += f", and whose models are: {_listed(made)}"
        likely = [name for name in names + made if "model" in name.lower()]
        if len(likely) == 1:
            hint = f" Write {target}:{likely[0]}."
    else:
        which, hint = _of_another_kind(target)
    raise TargetError(
        "TARGET must be file.py:factory, module:factory or model.keras. "
        f"Received: {target!r}{which}.{hint}"
    )


def _of_another_kind(target):
    """What else a TARGET is that saves a model or its weights, and what to write in its place."""
    if target.endswith(".weights.h5"):
        return (
            ", weights without a model",
            " Write a function in a file.py that makes the model and calls model.load_weights.",
        )
    if target.endswith((".h5", ".hdf5")):
        return (
            ", a format without Keras' safe mode",
            f' If you trust it, write keras.saving.load_model({target!r}).save("model.keras").',
        )
    if (Path(target) / "saved_model.pb").exists():
        return (
            ", an exported model, which has no layers any more",
            " Save the model that was exported as .keras.",
        )
    return "", ""


def _saved(path, max_size, compiled, modules):
    must_exist(path)
    try:
        drawn_late = contextlib.nullcontext() if compiled else undrawn()
        with rationed(check_model(path, max_size)), drawn_late:
            model = keras.saving.load_model(path, compile=compiled, safe_mode=True)
        if not isinstance(model, keras.Model):
            refuse(f"holds {with_article(type(model).__name__)}, which is no model")
        check_activations(model, max_size)
    except ArchiveError as reason:
        raise TargetError(f"{str(path)!r} is not loaded: it {reason}.") from None
    # Keras raises many kinds for a file that is damaged or needs classes that it can not find.
    except Exception as exception:
        missing = one_line(missing_object(str(exception)), 100)
        if missing:
            raise TargetError(
                f"{str(path)!r} needs the custom object {missing!r}, "
                f"{how_to_find(missing, modules)}"
            ) from None
        other = OF_BACKEND.search(str(exception))
        if other and other[1] != keras.backend.backend():
            raise _of_backend(path, other[1]) from None
        reason = one_line(str(fault(exception)))
        raise TargetError(f"{str(path)!r} can not be loaded: {reason}") from None
    # Where the other backend is installed as well, its class is loaded, and fails at a step.
    other = foreign(getattr(model, "optimizer", None))
    if other:
        raise _of_backend(path, other)
    return model


def _of_backend(path, other):
    return TargetError(
        f"{str(path)!r} holds an optimizer of the backend {other!r}. Set KERAS_BACKEND={other}, or "
        "save the model without it."
    )


def must_exist(path: Path) -> None:
    """Raises TargetError if there is no such file."""
    # A name that is too long is an error of the system.
    with contextlib.suppress(OSError):
        if path.is_file():
            return
        if path.is_dir():
            raise TargetError(f"{str(path)!r} is a folder, and must be a file.{_unpacked(path)}")
    raise TargetError(f"There is no file {str(path)!r}.")


def _unpacked(path):
    """What to do where a folder is a .keras file that somebody has unpacked."""
    if not (path / "config.json").is_file():
        return ""
    return " It holds what a .keras file does: give the file that it was unpacked from."


def one_line(text: str, longest: int = 400) -> str:
    """Without what could steer a terminal: the text may quote a file that somebody else made."""
    return cut("".join(c if c.isprintable() else " " for c in text), longest)


def _module(place):
    """The module of a name, or of a file."""
    return _file(Path(place)) if place.endswith(".py") else _import(place)


def _import(name):
    with running(f"Importing {name!r}"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as exception:
            if not exception.name or name.split(".")[0] != exception.name.split(".")[0]:
                raise
    raise TargetError(f"There is no module {name!r} here or on the path.")


def _file(path):
    must_exist(path)
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
    if isinstance(make, keras.Model):
        return make
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
    return listed(names, _MOST_NAMES) or "none"


def _brief(value):
    """One line for whatever a function returned, also where its own `__repr__` raises."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = 100
    return one_line(" ".join(short.repr(value).split()))


def _with_frames(exception):
    found = fault(exception)
    lost = lost_arguments(found)
    lines = [lost[0] if lost else str(found), *(f"  at {source}" for source in found.sources)]
    if len(lines) > _MOST_FRAMES:
        lines[_MOST_FRAMES // 2 : -_MOST_FRAMES // 2] = ["  ..."]
    if lost:
        lines += [f"  at {lost[1]}"] * bool(lost[1]) + [f"  fix: {lost[2]}"]
    if _OF_SEVERAL in str(found):
        lines.append(
            "  fix: a layer takes one constraint; join sets by &, as in "
            "constrainit.NonNegative() & constrainit.MaxNorm(3.0)"
        )
    return "\n".join(map(visible, lines))
