"""Plain text for terminals and files, through rich, which is imported on first use."""

import io
from collections.abc import Sequence
from typing import Any

WIDTH = 110
UNCUT = 10_000


def plain(*parts: Any, width: int = WIDTH) -> str:
    """What rich would print, without colour."""
    from rich.console import Console

    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None, highlight=False)
    for part in parts:
        console.print(part)
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
        made.add_row(*(Text(cell) for cell in row))
    return made


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as plain text."""
    return plain(grid(header, rows, unwrapped=("shape", "outside by")))
