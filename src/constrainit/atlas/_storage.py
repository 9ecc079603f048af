"""The file of an atlas: a line of settings, then a CSV table, whole cells only."""

import csv
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

from constrainit._files import write_whole
from constrainit.atlas._cells import Row
from constrainit.atlas._grid import Cell

MARK = "# constrainit atlas "
_CELL = [field.name for field in dataclasses.fields(Cell)]
_ROW = [field.name for field in dataclasses.fields(Row)]


class AtlasError(Exception):
    """The atlas can not be made, in one sentence."""


class Storage:
    """The cells that a file holds; each new one is in the file before the next is measured.

    Args:
        path: The file. It may be missing; cells that are not whole are measured again.
        settings: What all cells have in common, as plain Python that JSON can hold.

    Raises:
        AtlasError: The file can not be read, is no atlas, or was measured with other settings.
    """

    def __init__(self, path: Path, settings: dict[str, Any]):
        self.path, self.settings = path, settings
        self.found: dict[Cell, list[Row]] = self._read() if path.exists() else {}

    def add(self, cell: Cell, rows: list[Row], order: list[Cell]) -> None:
        """Writes a cell: the file is replaced as a whole, its cells in this order."""
        self.found[cell] = rows
        place = {known: n for n, known in enumerate(order)}
        self.found = dict(sorted(self.found.items(), key=lambda item: place[item[0]]))
        try:
            write_whole(self.path, self._text())
        except OSError as reason:
            raise AtlasError(f"{str(self.path)!r} can not be written: {reason}.") from None

    def _text(self):
        stream = io.StringIO()
        stream.write(MARK + json.dumps(self.settings) + "\n")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_CELL + _ROW)
        for cell, rows in self.found.items():
            for row in rows:
                values = (getattr(row, name) for name in _ROW)
                writer.writerow([*dataclasses.astuple(cell), *map(_shown, values)])
        return stream.getvalue()

    def _read(self):
        no_atlas = AtlasError(
            f"{str(self.path)!r} is no atlas and is left as it is. Give another --output."
        )
        try:
            text = self.path.read_text(encoding="utf-8")
        except OSError as reason:
            raise AtlasError(f"{str(self.path)!r} can not be read: {reason}.") from None
        except UnicodeDecodeError:
            raise no_atlas from None
        first, _, table = text.partition("\n")
        try:
            settings = json.loads(first.removeprefix(MARK))
        except json.JSONDecodeError:
            raise no_atlas from None
        if not first.startswith(MARK) or not isinstance(settings, dict):
            raise no_atlas
        self._compare(settings)
        # A last line that is cut off is part of a cell that is not whole.
        lines = list(csv.reader(io.StringIO(table[: table.rfind("\n") + 1])))
        if not lines or lines[0] != _CELL + _ROW:
            raise no_atlas
        found: dict[Cell, list[Row]] = {}
        try:
            for line in lines[1:]:
                cell, row = Cell(*line[: len(_CELL)]), _parsed(line[len(_CELL) :])
                found.setdefault(cell, []).append(row)
        except (TypeError, ValueError):
            raise no_atlas from None
        whole = list(range(1, self.settings["depth"] + 1))
        return {cell: rows for cell, rows in found.items() if [r.depth for r in rows] == whole}

    def _compare(self, settings):
        names = [*self.settings, *(name for name in settings if name not in self.settings)]
        other = [name for name in names if settings.get(name) != self.settings.get(name)]
        if other:
            held = ", ".join(f"{name} {settings.get(name)}" for name in other)
            here = ", ".join(f"{name} {self.settings.get(name)}" for name in other)
            raise AtlasError(
                f"{str(self.path)!r} was measured with {held}, not with {here}, and is left as it "
                "is. Give the same settings or another --output."
            )


def _shown(value):
    if value is None:
        return ""
    return int(value) if isinstance(value, bool) else f"{value:.6g}"


def _parsed(texts):
    if len(texts) != len(_ROW):
        raise ValueError(texts)
    depth, mean, deviation, nonfinite, member, *rest = texts
    if member not in ("0", "1"):
        raise ValueError(member)
    numbers = (float(text) if text else None for text in rest)
    return Row(
        int(depth), float(mean), float(deviation), float(nonfinite), member == "1", *numbers
    )  # fmt: skip
