"""What a page shows of a report, as plain parts for a template."""

from dataclasses import dataclass
from typing import Any

from constrainit._words import share
from constrainit.doctor._finding import Finding, grouped
from constrainit.doctor.rendering import _charts, _words

MOST_WEIGHTS = 24
"""So many weights are drawn, those with findings first; all of them are in the JSON report."""


@dataclass(frozen=True)
class Block:
    """A layer in the strip: its name and class, its health, and the number of its finding."""

    name: str
    kind: str
    level: str
    finding: int | None
    numbers: str


@dataclass(frozen=True)
class Entry:
    """A finding with its number, the findings that follow from it, and whether it starts open."""

    number: int
    finding: Finding
    following: tuple["Entry", ...] = ()
    open: bool = False


@dataclass(frozen=True)
class Drawn:
    """A weight with its histograms and the level of what was found there."""

    made: Any
    level: str
    spread: _charts.Spread | None


@dataclass(frozen=True)
class Chart:
    """A chart by depth with its heading, a sentence about it, and its numbers as a table."""

    title: str
    sentence: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    depth: _charts.Depth


def entries(report: Any) -> list[Entry]:
    """The findings, consequences under their cause, numbered in the order of the page.

    The first cause of each code starts open.
    """
    number, made, codes = 0, [], set()
    for cause, following in grouped(report.findings):
        inner = tuple(Entry(number + 1 + i, one) for i, one in enumerate(following))
        made.append(Entry(number, cause, inner, cause.code not in codes))
        codes.add(cause.code)
        number += 1 + len(following)
    return made


def strip(report: Any, found: list[Entry]) -> list[Block]:
    """The layers in the order in which they ran."""
    everything = [one for entry in found for one in (entry, *entry.following)]
    blocks = []
    for output in _layers(report):
        own = [one for one in everything if output.layer in one.finding.layers]
        level = _words.worst(one.finding for one in own)
        first = next((one.number for one in own if one.finding.level == level), None)
        numbers = f"mean {_words.mean(output)}, sd {output.deviation:.3g}"
        if output.nonfinite:
            numbers += f", {share(output.nonfinite)} not finite"
        blocks.append(Block(output.layer, output.kind, level, first, numbers))
    return blocks


def weights(report: Any) -> list[Drawn]:
    """The constrained weights, those with findings first."""
    found: dict[str, list[Finding]] = {}
    for finding in report.findings:
        for path in finding.weights:
            found.setdefault(path, []).append(finding)
    drawn = []
    for made in (*report.evidence.constraints, *report.evidence.mapped):
        parts = [made.start, *([made.image] if made.image else [])]
        level = _words.worst(found.get(made.record.path, ()))
        drawn.append(Drawn(made, level, _charts.spread(parts)))
    return sorted(drawn, key=lambda one: one.level == "fine")


def charts(report: Any) -> list[Chart]:
    """Signal and gradient by depth, each only where there is something to draw."""
    evidence, layers = report.evidence, _layers(report)
    later = {o.layer: o.deviation for o in evidence.outputs_after}
    signal = [
        ("at the start", "start", [(o.layer, o.deviation) for o in layers]),
        ("after the first step", "after", [(o.layer, later.get(o.layer)) for o in layers]),
    ]
    gradient = [("at the start", "start", [(o.layer, o.gradient) for o in layers])]
    made = [
        _chart("Signal", "Standard deviation of each layer's output.", signal),
        _chart("Gradient", "Norm of the loss's gradient at each layer's output.", gradient),
    ]
    return [chart for chart in made if chart is not None]


def _chart(title, sentence, series):
    series = [one for one in series if any(value is not None for _, value in one[2])]
    drawn = _charts.depth(series)
    if drawn is None:
        return None
    columns = [[_words.shown("", value) for _, value in points] for _, _, points in series]
    names = [layer for layer, _ in series[0][2]]
    header = ("layer", *(name for name, _, _ in series))
    return Chart(title, sentence, header, tuple(zip(names, *columns, strict=True)), drawn)


def _layers(report):
    outputs = report.evidence.layers
    return [o for o in outputs if o.layer != report.environment["model"]] or list(outputs)
