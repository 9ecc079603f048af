"""A log as a page that needs no other file and no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from constrainit.log._curves import HEIGHT, WIDTH, curve, heat, spread
from constrainit.log._reading import Trajectory
from constrainit.log._storage import Run
from constrainit.log._summary import about

_PLOTS = (
    ("norm, before the constraint and after", {"before": "before_norm", "after": "after_norm"}),
    ("least and largest weight afterwards", {"least": "after_minimum", "most": "after_maximum"}),
    ("outside by, before the constraint", {"before": "violation"}),
    ("share at the bound", {"after": "share_at_bound"}),
    ("distance moved by the constraint", {"after": "moved"}),
    ("norm of the gradient", {"after": "gradient_norm"}),
    ("update over weight", {"after": "update_ratio"}),
    ("entries that are not finite", {"after": "after_nonfinite"}),
)


_DONE = ("before_norm", "violation", "moved")
"""What the end of a training, where no step is taken, would take down to nothing."""


def page(
    path: Path,
    run: Run,
    held: list[Trajectory],
    histograms: Mapping[int, Sequence[tuple[Any, ...]]],
) -> str:
    """The page of one run.

    Args:
        path: The file of the log, for the title.
        run: The run.
        held: Its weights.
        histograms: By the number of a weight step, counts, least and largest entry afterwards.
    """
    import jinja2

    text = Path(__file__).with_name("page.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    steps = [step for one in held for step in one.steps]
    first, last = min(steps, default=0), max(steps, default=0)
    return environment.from_string(text).render(
        title=f"{path.name}: run {run.id}",
        about=about(run),
        rows=[_row(one, first, last) for one in held if any(one.of("share_moved"))],
        weights=[_weight(one, spread(histograms.get(one.id, ()))) for one in held],
        first=first,
        last=last,
        width=WIDTH,
        height=HEIGHT,
    )


def _row(one, first, last):
    pairs = list(zip(one.steps, one.done("share_moved"), strict=True))
    return {"name": one.weight.path, "cells": heat(pairs, first, last)}


def _numbers(one, column):
    return one.done(column) if column in _DONE else one.of(column)


def _weight(one, drawn_spread):
    plots = []
    for title, columns in _PLOTS:
        pairs = {n: list(zip(one.steps, _numbers(one, c), strict=True)) for n, c in columns.items()}
        drawn = curve(pairs)
        if drawn is not None and not (drawn["low"] == drawn["high"] == "0"):
            plots.append({"title": title, **drawn})
    shape = "×".join(map(str, one.weight.shape))
    rule = one.weight.rule or "no constraint"
    return {
        "name": one.weight.path, "rule": f"{shape} {one.weight.dtype}: {rule}", "plots": plots,
        "spread": drawn_spread,
    }  # fmt: skip
