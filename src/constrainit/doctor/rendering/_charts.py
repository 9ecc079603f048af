"""The geometry of the charts of a report: numbers in, coordinates out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from constrainit.doctor._statistics import Numbers

WIDTH, ROW = 320, 56
_LEAST_BAR = 1.5


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram, from the top left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Spread:
    """Two histograms over one axis, the upper one of the start.

    Attributes:
        rows: The bars of the start and of what its constraint makes of it.
        low: The least value of the axis.
        high: The largest.
        zero: Where zero is, if it is on the axis.
    """

    rows: tuple[tuple[Bar, ...], ...]
    low: float
    high: float
    zero: float | None


def spread(parts: Sequence[Numbers]) -> Spread | None:
    """The histograms of a weight before and after its constraint, None if nothing is finite."""
    known = [part for part in parts if part.bins]
    if not known:
        return None
    low, high = min(part.minimum for part in known), max(part.maximum for part in known)
    if low == high:
        low, high = low - abs(low) / 2 - 1e-3, high + abs(high) / 2 + 1e-3
    # Halves, because the range of float64 may not fit into float64.
    span = high / 2 - low / 2

    def place(value):
        return WIDTH * (value / 2 - low / 2) / span

    rows = [_bars(part, place, at) for at, part in enumerate(parts)]
    return Spread(tuple(rows), low, high, place(0.0) if low <= 0 <= high else None)


def _bars(part, place, row):
    counts = part.bins
    if not any(counts):
        return ()
    left, right = place(part.minimum), place(part.maximum)
    step, bars = (right - left) / len(counts), []
    for at, count in enumerate(counts):
        if count:
            height = max(_LEAST_BAR, (ROW - 8) * count / max(counts))
            x = min(left + at * step, WIDTH - _LEAST_BAR)
            bars.append(_bar(x, (row + 1) * ROW - height, max(step * 0.92, _LEAST_BAR), height))
    return tuple(bars)


def _bar(*corner_and_size):
    return Bar(*(round(number, 2) for number in corner_and_size))


DEPTH_WIDTH, DEPTH_HEIGHT = 480, 150
_MARGIN = 8


@dataclass(frozen=True)
class Mark:
    """A point of a curve, and what it stands for; `lost` if its value is not finite."""

    x: float
    y: float
    text: str
    lost: bool


@dataclass(frozen=True)
class Curve:
    """A series over the depth of a model.

    Attributes:
        name: What it shows.
        style: `start` or `after`.
        marks: Its points, in the order of the layers.
        path: The line through what is finite, as the `d` of an SVG path.
    """

    name: str
    style: str
    marks: tuple[Mark, ...]
    path: str


@dataclass(frozen=True)
class Depth:
    """Curves over the depth of a model, on a logarithmic axis with a line for each decade shown."""

    curves: tuple[Curve, ...]
    ticks: tuple[tuple[float, str], ...]


def depth(series: Sequence[tuple[str, str, Sequence[tuple[str, float | None]]]]) -> Depth | None:
    """Curves by depth of `(name, style, [(layer, value), ...])`; None if nothing is above zero."""
    values = [v for _, _, points in series for _, v in points if v is not None and _positive(v)]
    if not values:
        return None
    low = math.floor(math.log10(min(values)))
    high = max(math.ceil(math.log10(max(values))), low + 1)

    def up(value):
        share = (math.log10(value) - low) / (high - low)
        return DEPTH_HEIGHT - _MARGIN - share * (DEPTH_HEIGHT - 2 * _MARGIN)

    curves = [_curve(name, style, points, up) for name, style, points in series]
    every = max(1, (high - low + 4) // 5)
    ticks = [(round(up(10.0**n), 2), f"1e{n}") for n in range(low, high + 1, every)]
    return Depth(tuple(curves), tuple(ticks))


def _positive(value):
    return math.isfinite(value) and value > 0


def _curve(name, style, points, up):
    marks, path, pen = [], [], "M"
    for at, (layer, value) in enumerate(points):
        x = DEPTH_WIDTH * (at + 0.5) / len(points)
        if value is None:
            pen = "M"
        elif _positive(value):
            y = up(value)
            marks.append(Mark(round(x, 2), round(y, 2), f"{layer}: {value:.3g}", False))
            path.append(f"{pen}{x:.2f} {y:.2f}")
            pen = "L"
        else:
            bottom = DEPTH_HEIGHT - _MARGIN
            edge = bottom if value <= 0 else _MARGIN
            marks.append(Mark(round(x, 2), edge, f"{layer}: {value:.3g}", value != 0))
            pen = "M"
    return Curve(name, style, tuple(marks), " ".join(path))
