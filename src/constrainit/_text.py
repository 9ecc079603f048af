"""Plain text for terminals and files, through rich, which is imported on first use."""

import io
import unicodedata
from collections.abc import Sequence
from typing import Any

WIDTH = 100
UNCUT = 10_000

_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def visible(text: str, keep: str = "") -> str:
    """`text` with what a terminal obeys or a reader does not see written out, such as `ESC`.

    Args:
        text: What may come from a model or an exception.
        keep: Characters that are left, such as a line break.
    """
    if text.isprintable():
        return text
    return "".join(c if c in keep or not _is_hidden(c) else _written(c) for c in text)


def _is_hidden(character):
    return unicodedata.category(character) in _HIDDEN


def _written(character):
    return character.encode("unicode_escape").decode("ascii")


def plain(*parts: Any, width: int = WIDTH) -> str:
    """What rich would print, without colour."""
    from rich.console import Console

    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None, highlight=False)
    for part in parts:
        console.print(part, crop=False)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def grid(
    header: Sequence[str], rows: Sequence[Sequence[str]], unwrapped: Sequence[str] = ()
) -> Any:
    """A rich table in the house form; the columns named in `unwrapped` stay on one line."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, show_edge=False)
    for name in header:
        made.add_column(name, overflow="fold", no_wrap=name in unwrapped)
    for row in rows:
        made.add_row(*(Text(visible(cell)) for cell in row))
    return made


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as plain text."""
    return plain(grid(header, rows, unwrapped=("shape", "outside by")))
