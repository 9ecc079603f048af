"""How much a file from elsewhere may ask for, and how it is refused."""

from typing import Any, NoReturn

from constrainit._text import cut

MAX_SIZE = 8 * 2**30
"""Bytes that an archive may unpack to, unless the user says otherwise."""

MEMBERS = 10_000
RATIO = 100
FREE = 2**26
"""Bytes that any file may have, however well packed, and that a model may make beyond its file."""

CONFIG = 2**24
DEPTH = 100
OBJECTS = 20_000
COPIES = 5
"""A weight and its copies in an optimizer, which are not in the file if it was not trained yet."""

BATCH = 32
"""Samples in a batch that is drawn: what an activation must fit."""


class ArchiveError(Exception):
    """The file is not what it must be; the message says why, and follows the name of the file."""


def shown(count: float) -> str:
    """A number of bytes as a person reads it."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} GiB"


def brief(reason: Any) -> str:
    """The first line of what went wrong, or its kind if it says nothing."""
    lines = str(reason).strip().splitlines()
    return cut(lines[0], 200) if lines else type(reason).__name__


def refuse(message: str) -> NoReturn:
    """Raises ArchiveError."""
    raise ArchiveError(message)
