"""The picture of an atlas: one panel for each set, one square for each stack."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from constrainit.atlas._cells import Row
from constrainit.atlas._grid import ACTIVATIONS, DTYPES, SETS, WAYS, Cell, Size
from constrainit.atlas._storage import AtlasError

DEAD, LOW, HIGH, EXPLODED = 1e-3, 0.3, 3.0, 1e3

_SHORT = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
_COLOURS = {"dead": "#08306b", "healthy": "#d3f0e2", "exploded": "#7f2704"}
_FADING, _GROWING = ("#2f79b5", "#a9cce6"), ("#fdc692", "#e6691a")
_INK, _GAP = "#1a1a1a", 0.35


def fate(row: Row) -> str:
    """What became of the signal at a layer: dead, fading, healthy, growing or exploded."""
    if row.nonfinite > 0 or not row.deviation <= EXPLODED:
        return "exploded"
    if row.deviation < DEAD:
        return "dead"
    if row.deviation < LOW:
        return "fading"
    return "healthy" if row.deviation <= HIGH else "growing"


def label(rows: list[Row]) -> str:
    """The deviation at the last layer; or an arrow and the first layer that is as bad as that."""
    end = fate(rows[-1])
    if end in ("dead", "exploded"):
        first = next(row.depth for row in rows if fate(row) == end)
        return f"{'↓' if end == 'dead' else '↑'}{first}"
    size = rows[-1].deviation
    return f"{size:.0f}" if size >= 9.95 else f"{size:.1f}" if size >= 0.995 else _small(size)


def _small(size):
    return f"{size:.2f}".removeprefix("0") if size >= 0.00995 else f"{size:.3f}".removeprefix("0")


def draw(atlas: Mapping[Cell, list[Row]], size: Size, path: Path) -> None:
    """Writes the figure, as SVG or PNG by the suffix of the path.

    Args:
        atlas: The rows of each cell, all of the same depth.
        size: What the cells have in common.
        path: The file.

    Raises:
        AtlasError: The file can not be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    sets = [name for name in SETS if any(cell.set == name for cell in atlas)]
    columns = [
        (activation, dtype) for activation in ACTIVATIONS for dtype in DTYPES
        if any((cell.activation, cell.dtype) == (activation, dtype) for cell in atlas)
    ]  # fmt: skip
    ways = {s: [w for w in WAYS if any((c.set, c.way) == (s, w) for c in atlas)] for s in sets}
    rows = sum(len(ways[name]) for name in sets)
    groups = list(dict.fromkeys(activation for activation, _ in columns))
    place = {c: n + _GAP * groups.index(c[0]) for n, c in enumerate(columns)}
    # A salt that is fixed, so that equal atlases give equal SVG files.
    style: dict[Any, Any] = {
        "svg.hashsalt": "constrainit",
        "font.size": 9,
        "font.family": "DejaVu Sans",
    }
    with mpl.rc_context(style):
        figure = Figure(
            figsize=(max(1.4 + 0.46 * len(columns), 6.4), 2.1 + 0.3 * rows + 0.42 * len(sets)),
            layout="constrained",
        )
        figure.get_layout_engine().set(h_pad=0.05, hspace=0.02)  # type: ignore[union-attr]
        figure.suptitle(
            f"What is left of the signal after {size.depth} layers of width {size.width}",
            fontsize=12, fontweight="bold", color=_INK,
        )  # fmt: skip
        panels = figure.subplots(
            len(sets), 1, squeeze=False, height_ratios=[len(ways[name]) for name in sets]
        )[:, 0]
        for name, panel in zip(sets, panels, strict=True):
            _panel(panel, name, ways[name], place, atlas)
        _head(panels[0], groups, place)
        _foot(panels[-1], place)
        _legend(figure, panels)
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
        try:
            figure.savefig(path, dpi=160, metadata=metadata)
        except OSError as reason:
            raise AtlasError(f"{str(path)!r} can not be written: {reason}.") from None


def _panel(panel: Any, name, ways, place, atlas):
    from matplotlib.patches import Rectangle

    scale, norm = _scale()
    for line, way in enumerate(ways):
        for column, x in place.items():
            rows = atlas.get(Cell(name, column[0], column[1], way))
            if rows is None:
                continue
            end = fate(rows[-1])
            colour = _COLOURS.get(end) or scale(norm(np.log10(rows[-1].deviation)))
            panel.add_patch(
                Rectangle((x, line), 1, 1, facecolor=colour, edgecolor="#c8c8c8", lw=0.6)
            )
            panel.text(
                x + 0.5, line + 0.52, label(rows), ha="center", va="center", fontsize=8,
                color="white" if end in ("dead", "exploded") else _INK,
                fontweight="bold" if end == "healthy" else "normal",
            )  # fmt: skip
            if not all(row.member for row in rows):
                panel.plot(x + 0.88, line + 0.16, "o", ms=3, mfc="white", mec=_INK, mew=0.7)
    panel.set(xlim=(0, max(place.values()) + 1), ylim=(len(ways), 0))
    panel.set_yticks([n + 0.5 for n in range(len(ways))], ways)
    panel.set_title(_title(name), loc="left", fontsize=9.5, fontweight="bold", color=_INK, pad=3)
    panel.set_xticks([])
    panel.tick_params(length=0, colors=_INK)
    panel.spines[:].set_visible(False)
    for text, way in zip(panel.get_yticklabels(), ways, strict=True):
        text.set_fontweight("bold" if way == "ours" else "normal")


def _title(name):
    values = [v for v in SETS[name]._arguments().values() if v is not None]
    return f"{name}({', '.join(f'{v:g}' for v in values)})" if values else name


def _head(panel, groups, place):
    for group in groups:
        within = [x for (activation, _), x in place.items() if activation == group]
        panel.annotate(
            group, ((within[0] + within[-1] + 1) / 2, 1), xycoords=("data", "axes fraction"),
            xytext=(0, 16), textcoords="offset points", ha="center", fontsize=9.5, color=_INK,
        )  # fmt: skip


def _foot(panel, place):
    panel.set_xticks([x + 0.5 for x in place.values()], [_SHORT[d] for _, d in place])


def _scale():
    """Colours between dead and exploded, and the part of them that a logarithm has."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    low, high = np.log10(DEAD), np.log10(EXPLODED)
    ends = [(np.log10(x) - low) / (high - low) for x in (LOW, HIGH)]
    stops = [
        (0.0, _FADING[0]), (ends[0], _FADING[1]), (ends[0], _COLOURS["healthy"]),
        (ends[1], _COLOURS["healthy"]), (ends[1], _GROWING[0]), (1.0, _GROWING[1]),
    ]  # fmt: skip
    scale = LinearSegmentedColormap.from_list("atlas", stops, N=1200)
    return scale.with_extremes(under=_COLOURS["dead"], over=_COLOURS["exploded"]), Normalize(
        low, high
    )


def _legend(figure, panels):
    from matplotlib.cm import ScalarMappable

    scale, norm = _scale()
    bar = figure.colorbar(
        ScalarMappable(norm, scale), ax=list(panels), location="bottom", extend="both",
        extendfrac=0.13, extendrect=True, aspect=34, shrink=0.9, pad=0.01,
    )  # fmt: skip
    marks = [DEAD, 0.01, 0.1, LOW, 1.0, HIGH, 10.0, 100.0, EXPLODED]
    bar.set_ticks(list(np.log10(marks)), labels=[f"{mark:g}" for mark in marks])
    bar.ax.tick_params(colors=_INK, labelsize=8)
    bar.outline.set_edgecolor("#c8c8c8")
    for x, text, colour in (
        (-0.065, "dead", "white"), (0.21, "fading", _INK), (0.5, "healthy", _INK),
        (0.79, "growing", _INK), (1.065, "exploded", "white"),
    ):  # fmt: skip
        bar.ax.text(
            x, 0.5, text, transform=bar.ax.transAxes, ha="center", va="center", fontsize=8,
            color=colour, fontweight="bold" if text == "healthy" else "normal",
        )  # fmt: skip
    bar.set_label(
        "standard deviation of the last pre-activations over the data (number in the square)\n"
        "↓n dead from layer n on, ↑n exploded from layer n on; ○ a kernel is no member of the set",
        fontsize=8.5, color=_INK,
    )  # fmt: skip
