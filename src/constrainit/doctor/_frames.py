"""Where in the user's own code an exception came from."""

import importlib.util
import inspect
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from constrainit.doctor._said import real, said


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

    @property
    def place(self) -> str:
        """The file, as seen from the working folder, and the line."""
        path = Path(self.file)
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        return f"{shown}:{self.line}"

    def __str__(self) -> str:
        return f"{self.place} in {self.function}: {self.text}"


@dataclass(frozen=True)
class Cut:
    """What cuts a gradient off in the user's code.

    Attributes:
        operation: What is called there, or `a comparison`.
        source: The line, as it is written; None of an operation in the graph of a model, which
            knows no lines.
        layer: The name of the layer behind the weight's own one in whose code the line stands.
        way: Of a loss that jumps there: what it is for the predictions, what near the targets, and
            by how much it falls between them by what its gradients say; else None.
    """

    operation: str
    source: Source | None
    layer: str = ""
    way: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Fault:
    """An exception, reduced to what a report can keep.

    Attributes:
        kind: The name of its class.
        message: Its first lines.
        sources: The user's own frames, outermost first.
        layer: The name of the layer that raised it, where it is known.
        widths: That of an input of the batch and the one that the layer takes, where these differ.
    """

    kind: str
    message: str
    sources: tuple[Source, ...]
    layer: str = ""
    widths: tuple[int, int] | None = None

    def __str__(self) -> str:
        ended = self.message.endswith("..")
        return f"{self.kind}: {self.message if ended else self.message.removesuffix('.')}"


def fault(exception: BaseException) -> Fault:
    """`exception` with the frames of Keras, the backend and this library left out."""
    first = real(exception)
    own = _own(traceback.extract_tb(exception.__traceback__))
    if first is not exception:
        own += tuple(s for s in _own(traceback.extract_tb(first.__traceback__)) if s not in own)
    return Fault(type(first).__name__, said(exception, _is_users) or "no message", own)


def layer_in(exception: BaseException, layers: Iterable[Any]) -> str:
    """The name of the innermost of these layers whose method an exception came through."""
    known = {id(layer): layer.name for layer in layers}
    frames = traceback.walk_tb(exception.__traceback__)
    through = [known.get(id(frame.f_locals.get("self")), "") for frame, _ in frames]
    return next(filter(None, reversed(through)), "")


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


def _is_users(filename: str) -> bool:
    if filename.startswith("<"):
        return filename.startswith(EDITED_FILE)
    return not str(Path(filename).resolve()).startswith(_NOT_THE_USERS)


def is_of_user(kind: type) -> bool:
    """Whether a class is the user's own, as one that is made in a session is."""
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    return kind.__module__ == "__main__" or (file is not None and _is_users(file))
