"""Where in the user's own code an exception came from."""

import importlib.util
import inspect
import os
import re
import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def _folders():
    """Where the code lies that is nobody's own: Python, what is installed, and where it may be."""
    for kind in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield sysconfig.get_path(kind)
    for package in ("keras", "jax", "jaxlib", "torch", "tensorflow", "numpy"):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin:
            yield Path(spec.origin).parent
    yield Path(__file__).parents[1]


_NOT_THE_USERS = tuple(f"{Path(folder).resolve()}{os.sep}" for folder in _folders())


_LONGEST = 400
_CAUGHT = "Exception encountered: "
"""What Keras writes before an exception that it has caught, at the end of its own message."""
_QUOTES = "'\" \n"

EDITED_FILE = "<edited "
"""How the names of files begin that hold an edit of the user's code."""


@dataclass(frozen=True)
class Source:
    """A line of the user's code.

    Attributes:
        file: Path of the file.
        line: Number of the line, from 1.
        function: The function that it stands in.
        text: The line itself.
    """

    file: str
    line: int
    function: str
    text: str

    def __str__(self) -> str:
        path = Path(self.file)
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        return f"{shown}:{self.line} in {self.function}: {self.text}"


@dataclass(frozen=True)
class Fault:
    """An exception, reduced to what a report can keep.

    Attributes:
        kind: The name of its class.
        message: Its first lines.
        sources: The user's own frames, outermost first.
        layer: The name of the layer that raised it, where it is known.
    """

    kind: str
    message: str
    sources: tuple[Source, ...]
    layer: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}".rstrip(".")


def fault(exception: BaseException) -> Fault:
    """`exception` with the frames of Keras, the backend and this library left out."""
    own = _own(traceback.extract_tb(exception.__traceback__))
    message = _message(_words(exception))
    shown = message if len(message) <= _LONGEST else f"{message[:_LONGEST].rstrip()} ..."
    return Fault(type(exception).__name__, shown or "no message", own)


def running_line(above: tuple[str, str]) -> Source | None:
    """The innermost of the user's lines that are running, called from a function of a file."""
    frames = traceback.extract_stack()
    callers = [i for i, frame in enumerate(frames) if (frame.filename, frame.name) == above]
    own = _own(frames[callers[-1] :] if callers else ())
    return own[-1] if own else None


def line_of(function: Callable) -> Source | None:
    """The line that a function of the user's own begins with, None where it is not known."""
    try:
        function = inspect.unwrap(function)
        lines, number = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function) or ""
    # Functions made in a session have no source.
    except (OSError, TypeError):
        return None
    skipped = next((i for i, text in enumerate(lines) if "def " in text), 0)
    return Source(file, number + skipped, function.__name__, lines[skipped].strip())


def _own(frames):
    return tuple(
        Source(frame.filename, frame.lineno or 0, frame.name, (frame.line or "").strip())
        for frame in frames
        if _is_users(frame.filename)
    )


def _words(exception):
    try:
        return str(exception)
    # A class of the user's own may raise even here.
    except Exception:
        return ""


def _message(text):
    """What is said first, without what Keras puts around it, and what it has caught itself."""
    parts = re.sub(r"\x1b\[\d*m", "", text).split("\n\n")
    parts = [" ".join(part.split()) for part in parts]
    outer, caught, inner = "\n\n".join(parts).partition(_CAUGHT)
    if caught and inner:
        return f"{_first_sentence(outer)} {_message(inner.strip(_QUOTES))}"
    wrapped = parts[0].startswith("Exception encountered when calling") and len(parts) > 1
    return parts[1 if wrapped else 0]


def _first_sentence(text):
    return re.split(r"(?<=\.)\s", text.lstrip(), maxsplit=1)[0]


def _is_users(filename: str) -> bool:
    if filename.startswith("<"):
        return filename.startswith(EDITED_FILE)
    return not str(Path(filename).resolve()).startswith(_NOT_THE_USERS)
