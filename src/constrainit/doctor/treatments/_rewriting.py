"""A class or function of the user's own with its source edited, in memory."""

import contextlib
import difflib
import inspect
import linecache
import textwrap
import types
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
from keras.src.saving import object_registration as registry

from constrainit.doctor._code import EDITED
from constrainit.doctor._frames import EDITED_FILE
from constrainit.doctor.treatments._names import (
    has_import,
    in_own_names,
    lacks_import,
    with_import,
)

_SOURCES: Any = weakref.WeakKeyDictionary()
"""What the classes and functions that were edited once were made from."""
_REGISTRIES = (registry.GLOBAL_CUSTOM_NAMES, registry.GLOBAL_CUSTOM_OBJECTS)


@contextlib.contextmanager
def registered_as_before() -> Iterator[None]:
    """Puts Keras' registry of the user's classes back: an edited class takes the old one's name."""
    held = [(part, dict(part)) for part in _REGISTRIES]
    try:
        yield
    finally:
        for part, content in held:
            part.clear()
            part.update(content)


def kind_of(constraint):
    """What holds the code of a constraint: its class, or a function that is one itself."""
    named = inspect.isfunction(constraint) and constraint.__name__.isidentifier()
    return constraint if named else type(constraint)


def become(layer, kind):
    """Gives a layer the methods of an edited class, until its attributes are put back."""
    vars(layer)[EDITED] = kind
    for name, value in vars(kind).items():
        if inspect.isfunction(value) and name != "__init__":
            vars(layer)[name] = types.MethodType(value, layer)


def rewritten(kind: Any, edit: Any) -> tuple[Any, str, str] | None:
    """A class or function with its source edited, what was done, and the diff of its file."""
    found = source_of(kind)
    if found is None:
        return None
    lines, first, path, whole = found
    text = "".join(lines)
    indent = text[: len(text) - len(text.lstrip())]
    done = edit(textwrap.dedent(text))
    if done is None:
        return None
    sentence, new = done
    scope = scope_of(kind, whole)
    new = in_own_names(textwrap.dedent(text), new, scope)
    changed = textwrap.indent(new, indent).splitlines(keepends=True)
    after = [*whole[: first - 1], *changed, *whole[first - 1 + len(lines) :]]
    if lacks_import(new, scope):
        scope["keras"] = keras
        after, at = with_import(after)
        first += at < first
    name = Path(path).name
    diff = "".join(difflib.unified_diff(whole, after, name, name, n=2))
    made = _compiled(kind, new, scope)
    _SOURCES[made] = changed, first, path, after
    return made, sentence, diff


def source_of(kind):
    """The lines of a class or function, the first one's number, its file and all lines of that."""
    if kind in _SOURCES:
        return _SOURCES[kind]
    try:
        lines, first = inspect.getsourcelines(kind)
        path = inspect.getsourcefile(kind)
    # What is made in a session has no source.
    except (OSError, TypeError):
        return None
    return None if path is None else (lines, first, path, linecache.getlines(path))


def scope_of(kind: Any, whole: Sequence[str] = ()) -> dict[str, Any]:
    """The names of the module of a class or function, and Keras if an edit has imported it."""
    if inspect.isfunction(kind):
        scope = {**kind.__globals__, **inspect.getclosurevars(kind).nonlocals}
    else:
        module = inspect.getmodule(kind)
        if module is None:
            raise ValueError(f"{kind.__name__!r} is of no module: its names are not known")
        scope = dict(vars(module))
    return {"keras": keras, **scope} if has_import([*whole]) else scope


def _compiled(kind, text, scope):
    """What an edited source defines, among the names that it has."""
    # Keras refuses a name twice; `treat` puts its registry back.
    name = registry.GLOBAL_CUSTOM_NAMES.pop(kind, None)
    registry.GLOBAL_CUSTOM_OBJECTS.pop(name, None)
    file = f"{EDITED_FILE}{kind.__name__}>"
    # So that a second look names its lines.
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    exec(compile(text, file, "exec"), scope)
    made = scope[kind.__name__]
    # By a call behind the class, which is no part of its source.
    if name is not None and made not in registry.GLOBAL_CUSTOM_NAMES:
        registry.GLOBAL_CUSTOM_NAMES[made] = name
        registry.GLOBAL_CUSTOM_OBJECTS[name] = made
    return made
