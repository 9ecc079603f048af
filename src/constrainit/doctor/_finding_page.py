"""Findings as a person reads them on a terminal: a cause, what mends it, what follows from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from constrainit import _text
from constrainit._words import ended
from constrainit.doctor._finding import grouped
from constrainit.doctor.rendering import _words

SAME_CODE = 3
"""So many findings of one rule are shown; the others are counted."""
_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
_DIFF = {"+": "green", "-": "red", "@": "cyan"}


def line(text: str, style: str = "", indent: int = 0) -> Any:
    """A paragraph that rich can print; control characters are written out."""
    from rich.padding import Padding
    from rich.text import Text

    shown = Text(_text.visible(text), style=style)
    return Padding(shown, (0, 0, 0, indent), expand=False) if indent else shown


@dataclass(frozen=True)
class CodeLine:
    """A line to be copied, which rich prints as it is, wherever it ends."""

    text: str
    style: str

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.segment import Segment

        yield Segment(f"    {_text.visible(self.text)}", console.get_style(self.style or "none"))
        yield Segment.line()


def parts(found: Any) -> Iterator[Any]:
    """Findings as parts that rich can print, consequences under their cause."""
    said: dict[str, Any] = {}
    groups = grouped(found)
    for (finding, following), more in _shortened(groups, lambda group: group[0].code):
        yield ""
        yield _heading(finding)
        yield from _body(finding, said)
        yield from _consequences(finding, following)
        if more:
            yield line(f"and {more} more of {finding.code} (all of them in the JSON report)", "", 2)


def _shortened(items, code):
    """The first few items of each code, and with the last of them how many more there are."""
    seen: dict[str, int] = {}
    for item in items:
        own = code(item)
        seen[own] = seen.get(own, 0) + 1
        if seen[own] <= SAME_CODE:
            total = sum(code(other) == own for other in items)
            yield item, total - SAME_CODE if seen[own] == SAME_CODE else 0


def _heading(finding, indent=0):
    from rich.padding import Padding
    from rich.text import Text

    text = Text.assemble(
        (f"{finding.code} {finding.name}", f"bold {_COLOURS[finding.level]}"),
        f" ({finding.level}) ",
        _text.visible(_words.place(finding)),
    )
    return Padding(text, (0, 0, 0, indent), expand=False)


def _body(finding, said):
    yield line(ended(finding.message), "", 2)
    if finding.source is not None:
        yield line(f"at {finding.source}", "", 2)
    if finding.fix:
        yield line(f"fix: {_above(finding.fix, finding, said) or ended(finding.fix)}", "", 2)
    if finding.treatment is not None:
        yield from _treatment(finding, finding.treatment, said)


def _treatment(finding, tried, said):
    yield line(f"tried: {tried.change}: {_measured(tried)}: {_words.outcome(tried)}", "", 2)
    if tried.note and not _above(tried.note, finding, said):
        yield line(f"note: {ended(tried.note)}", "", 2)
    code = tried.code if tried.healed else ""
    rows = [(row, _DIFF.get(row[:1], "")) for row in tried.diff.expandtabs(4).splitlines()]
    of_diff, of_code = _words.of_diff(tried, code), _words.of_code(tried.diff)
    yield from _copied(of_diff, rows, _above(tried.diff, finding, said))
    rows = [(row, "bold") for row in code.splitlines()]
    yield from _copied(of_code, rows, _above(code, finding, said))


def _copied(title, rows, above):
    """Lines to be copied under their title, or where they stand in the report already."""
    if rows:
        yield line(f"{title} {above}".rstrip(), "", 2)
        yield from (CodeLine(*row) for row in ([] if above else rows))


def _measured(tried):
    numbers = [
        # What was said of it before is in the message.
        f"it {after}" if name == "reason" else f"{name} {before} -> {after}"
        for name, before, after in _words.compared(tried)
    ]
    return ", ".join(numbers) or "looked at again"


def _consequences(cause, following):
    if following:
        healed = cause.treatment is not None and cause.treatment.healed
        gone = ", and is gone with it" if healed else ""
        yield line(f"what follows from it{gone}:", "", 2)
    for finding, more in _shortened(following, lambda one: one.code):
        yield _heading(finding, 4)
        yield line(ended(finding.message), "", 6)
        if finding.treatment is not None:
            yield line(f"then: {_measured(finding.treatment)}", "", 6)
        if more:
            yield line(f"and {more} more of {finding.code}", "", 6)


def _above(text, finding, said):
    """Of which finding above a text was said; empty where this one is the first."""
    first = said.setdefault(text, finding)
    return "" if first is finding else f"as for {first.code} {_words.place(first)}."
