"""Plain text for terminals and files, through rich, which is imported on first use."""

import io
import unicodedata
from collections.abc import Iterator, Sequence
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


def cut(text: str, longest: int) -> str:
    """A text as it is, or its beginning up to the end of a word and " ...".

    Args:
        text: Any text.
        longest: The characters that are kept at most, without what is put behind them.
    """
    if len(text) <= longest:
        return text
    words = text[: longest + 1].rpartition(" ")[0].rstrip()
    return f"{words or text[:longest]} ..."


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
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    unwrapped: Sequence[str] = (),
    paths: Sequence[str] = (),
) -> Any:
    """A rich table in the house form.

    The columns named in `unwrapped` stay on one line, those in `paths` end their lines at a slash.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, show_edge=False)
    for name in header:
        made.add_column(name, overflow="fold", no_wrap=name in unwrapped)
    for row in rows:
        cells = zip(header, map(visible, row), strict=True)
        made.add_row(*(Path(cell) if name in paths else Text(cell) for name, cell in cells))
    return made


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as plain text."""
    return plain(grid(header, rows, unwrapped=("shape", "outside by")))


class Path:
    """A path that rich breaks behind its slashes only; what is too long still loses its middle."""

    def __init__(self, text: str):
        self.text = text

    def lines(self, width: int) -> list[str]:
        """The path on lines of at most this width."""
        *first, last = self.text.split("/")
        lines = [""]
        for part in (*(f"{name}/" for name in first), last):
            if lines[-1] and len(lines[-1]) + len(part) > width:
                lines.append("")
            lines[-1] += _shortened(part, width)
        return lines

    def __rich_measure__(self, console: Any, options: Any) -> Any:
        from rich.measure import Measurement

        return Measurement(max(map(len, self.lines(1))), len(self.text))

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.text import Text

        yield Text("\n".join(self.lines(options.max_width)), no_wrap=True, overflow="ignore")


def _shortened(name, width):
    if len(name) <= width:
        return name
    kept = max(width - 1, 0)
    return f"{name[: kept - kept // 2]}\u2026{name[len(name) - kept // 2 :]}"
