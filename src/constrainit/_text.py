"""Plain text for terminals and files, through rich, which is imported on first use."""

import io
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

WIDTH = 100
UNCUT = 10_000
_LEAST = 10
"""The least width of a column that may be broken anywhere."""

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


def show(parts: Iterable[Any], width: int) -> None:
    """Prints in colour on a terminal, as wide as that is; plain, of a width, elsewhere."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(*parts, sep="\n", crop=False)
    else:
        import click

        click.echo(plain(*parts, width=width))


class Grid:
    """A table in the house form, as wide as it may be; a paragraph for each row where it is not.

    Args:
        header: The names of the columns.
        rows: The cells, as text.
        unwrapped: The columns that stay on one line.
        words: The columns that are broken at blanks only.
        paths: The columns that are broken at slashes only.
    """

    def __init__(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        unwrapped: Sequence[str] = (),
        words: Sequence[str] = (),
        paths: Sequence[str] = (),
    ):
        self.header, self.rows = header, [[*map(visible, row)] for row in rows]
        self.unwrapped, self.words, self.paths = unwrapped, words, paths

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        widths = self._widths(options.max_width)
        if widths is None:
            yield from self._paragraphs(options.max_width)
        else:
            yield self._table(widths)

    def _table(self, widths):
        from rich import box
        from rich.table import Table

        made = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, show_edge=False)
        for name, width in zip(self.header, widths, strict=True):
            made.add_column(name, overflow="fold", no_wrap=name in self.unwrapped, width=width)
        for row in self.rows:
            made.add_row(*map(self._cell, self.header, row))
        return made

    def _cell(self, name, cell):
        from rich.text import Text

        return Path(cell) if name in self.paths else Text(cell)

    def _paragraphs(self, width):
        from rich.padding import Padding
        from rich.text import Text

        first, *others = (" ".join(name.split()) for name in self.header)
        yield Text(first, style="bold")
        for label, *cells in self.rows:
            yield self._cell(self.header[0], label)
            told = [f"{name} {cell}," for name, cell in zip(others, cells, strict=True) if cell]
            if told:
                told[-1] = told[-1][:-1]
                yield Padding(Text("\n".join(_filled(told, width - 2))), (0, 0, 0, 2))

    def _widths(self, room):
        """How wide each column is, the narrow ones first; None where there is no room."""
        columns = [[name, *cells] for name, *cells in zip(self.header, *self.rows, strict=True)]
        wanted = [max(_length(cell) for cell in column) for column in columns]
        widths = [*map(self._least, columns, wanted)]
        room -= 2 * (len(columns) - 1) + sum(widths)
        if room < 0:
            return None
        while room > 0 and widths != wanted:
            short = [place for place, width in enumerate(widths) if width < wanted[place]]
            widths[min(short, key=widths.__getitem__)] += 1
            room -= 1
        return widths

    def _least(self, column, wanted):
        name, *cells = column
        if name in self.unwrapped:
            return wanted
        whole = max(map(len, name.split()))
        if name in self.words:
            return max([whole, *(len(word) for cell in cells for word in cell.split())])
        return max(whole, min(wanted, _LEAST))


def _length(cell):
    return max(map(len, cell.split("\n")))


def _filled(pieces, width):
    """The pieces on as few lines as hold them, none of them broken if it fits on one."""
    lines = [""]
    for piece in pieces:
        if lines[-1] and len(lines[-1]) + 1 + len(piece) > width:
            lines.append("")
        lines[-1] += f" {piece}" if lines[-1] else piece
    return lines


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
