"""What a notebook shows of an answer."""

from collections.abc import Iterable
from typing import Any


class Shown:
    """An answer that a notebook shows as it is printed; its `repr` stays that of its kind."""

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython asks for, before `repr`."""
        printer.text(str(self))


class Lines(Shown, list):
    """A list that is printed as a line for each of its entries.

    Args:
        entries: What it holds.
        told: Lines that are printed behind them.
    """

    def __init__(self, entries: Iterable[Any] = (), told: Iterable[str] = ()):
        super().__init__(entries)
        self._told = [*told]

    def __str__(self) -> str:
        return "\n".join([*(map(str, self) if self else ["nothing was changed"]), *self._told])
