"""A log as a page that needs no other file and no network."""

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np

from constrainit.log._curves import HEIGHT, WIDTH, curve, heat, last_of_each, spread
from constrainit.log._outline import Outlines, histogram, histogram_steps
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

_ACROSS = 40
"""Histograms of a weight that are drawn at most; of many weights fewer."""


def page(path: Path, run: Run, found: Outlines, database: sqlite3.Connection) -> str:
    """The page of one run.

    Args:
        path: The file of the log, for the title.
        run: The run.
        found: Its weights.
        database: The log, for the histograms.
    """
    import jinja2

    text = Path(__file__).with_name("page.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    rows = [_row(one, found) for one in found.held]
    across = min(_ACROSS, max(found.stretches // 3, 1))
    return environment.from_string(text).render(
        title=f"{path.name}: run {run.id}",
        about=about(run),
        rows=[row for row in rows if any(row["cells"])],
        weights=[_weight(one, spread(_histograms(database, one.id, across))) for one in found.held],
        first=found.first,
        last=found.last,
        stretches=found.stretches if found.is_cut else None,
        width=WIDTH,
        height=HEIGHT,
    )


def _row(one, found):
    cells = heat(one.curves["share_moved"], found.first, found.last, found.stretches)
    return {"name": one.weight.path, "cells": cells}


def _histograms(database, weight, most):
    chosen = last_of_each(histogram_steps(database, weight), most)
    found = [(step, *histogram(database, weight, step)) for step in chosen]
    return [(step, np.frombuffer(counts, "<f4"), *ends) for step, counts, *ends in found]


def _weight(one, drawn_spread) -> dict[str, Any]:
    plots = []
    for title, columns in _PLOTS:
        drawn = curve({name: one.curves[column] for name, column in columns.items()})
        if drawn is not None and not (drawn["low"] == drawn["high"] == "0"):
            plots.append({"title": title, **drawn})
    shape = "×".join(map(str, one.weight.shape))
    rule = one.weight.rule or "no constraint"
    return {
        "name": one.weight.path, "rule": f"{shape} {one.weight.dtype}: {rule}", "plots": plots,
        "spread": drawn_spread,
    }  # fmt: skip
