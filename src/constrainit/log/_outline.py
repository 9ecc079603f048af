"""What a page shows of a log: of each stretch of time the least number and the largest.

SQLite finds them: of a million records none becomes an object of Python.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from constrainit.log._storage import Weight, end_of

Stretch = tuple[int, int, float, float]
"""The first and the last step with a record, the least number and the largest."""

DRAWN = (
    "before_norm", "after_norm", "after_minimum", "after_maximum", "violation", "share_at_bound",
    "moved", "gradient_norm", "update_ratio", "after_nonfinite", "share_moved",
)  # fmt: skip

_DONE = ("before_norm", "violation", "moved", "share_moved")
"""What the end of a training, where no step is taken, would take down to nothing."""

_SHARED = 15_000
_FEWEST, _MOST = 20, 150


@dataclass(frozen=True)
class Outline:
    """The records of one weight, in so few numbers that they can be drawn.

    Attributes:
        id: Its number in the file.
        weight: The weight.
        records: How many there are.
        curves: By the name of a column its stretches in order, without those that have no number.
    """

    id: int
    weight: Weight
    records: int
    curves: Mapping[str, list[Stretch]]


@dataclass(frozen=True)
class Outlines:
    """All weights of a page.

    Attributes:
        held: The weights.
        first: The first step of any of them.
        last: The last one.
        stretches: Into how many parts the time between was cut.
    """

    held: list[Outline]
    first: int
    last: int
    stretches: int

    @property
    def is_cut(self) -> bool:
        """Whether a weight has more records than are drawn one by one."""
        return any(one.records > 2 * self.stretches for one in self.held)


def outlines(database: sqlite3.Connection, held: Mapping[int, Weight]) -> Outlines:
    """The outlines of weights; of many the time is cut into fewer stretches, for a smaller page."""
    stretches = min(max(_SHARED // max(len(held), 1), _FEWEST), _MOST)
    found = {
        id_: database.execute(
            "SELECT count(*), min(step), max(step) FROM records WHERE weight = ?", (id_,)
        ).fetchone()
        for id_ in held
    }
    known = [ends for count, *ends in found.values() if count]
    first = min((begin for begin, _ in known), default=0)
    last = max((end for _, end in known), default=0)
    cut = f"(step - {first}) * {stretches} / {last - first + 1}"
    made = [
        Outline(id_, weight, found[id_][0], _curves(
            database, id_, "step" if found[id_][0] <= 2 * stretches else cut
        ))
        for id_, weight in held.items()
    ]  # fmt: skip
    return Outlines(made, first, last, stretches)


def _curves(database, weight, cut):
    end = end_of(database, weight)

    def taken(column):
        is_left_out = end is not None and column in _DONE
        return f"CASE WHEN step <> {end} THEN {column} END" if is_left_out else column

    ends = ", ".join(f"min({taken(name)}), max({taken(name)})" for name in DRAWN)
    rows = database.execute(
        f"SELECT min(step), max(step), {ends} FROM records WHERE weight = ? GROUP BY {cut} "
        "ORDER BY 1",
        (weight,),
    ).fetchall()
    return {
        name: [
            (row[0], row[1], row[place], row[place + 1]) for row in rows if row[place] is not None
        ]
        for place, name in zip(range(2, 2 + 2 * len(DRAWN), 2), DRAWN, strict=True)
    }


def histogram_steps(database: sqlite3.Connection, weight: int) -> list[int]:
    """The steps at which a histogram of a weight, as it was afterwards, was kept.

    Only those of finite entries.
    """
    rows = database.execute(
        """SELECT step FROM arrays JOIN records USING (weight, step)
           WHERE weight = ? AND kind = 'histogram after'
           AND after_minimum IS NOT NULL AND after_maximum IS NOT NULL ORDER BY step""",
        (weight,),
    )
    return [step for (step,) in rows]


def histogram(database: sqlite3.Connection, weight: int, step: int) -> tuple[bytes, float, float]:
    """The counts of one of `histogram_steps`, the least and the largest entry."""
    return database.execute(
        """SELECT content, after_minimum, after_maximum
           FROM arrays JOIN records USING (weight, step)
           WHERE weight = ? AND step = ? AND kind = 'histogram after'""",
        (weight, step),
    ).fetchone()
