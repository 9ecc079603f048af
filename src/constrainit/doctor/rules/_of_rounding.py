"""What is said of a rounding that leaves nothing."""

from typing import Any

import numpy as np


def of_rounding(away: Any) -> tuple[str, str, dict[str, Any]]:
    """What a rounding leaves nothing of, what sets its steps, and where that is."""
    line = "" if away.source is None else f" in line {away.source.line}"
    record = away.record
    name = "" if record is None else record.variable.name
    start = "" if record is None else f": {record.path} starts at {_about(away.start)}"
    return (
        f": the rounding{line} gives zero for all that it is given, which is {away.peak:.3g} at "
        f"most where its numbers go to {away.grid:g}{start}",
        "start what is rounded wider, or the step that it is divided by smaller"
        if record is None
        else f"start {name} from what it scales, such that the largest of that is rounded to the "
        f"end of the grid: here {_about(away.value)}, which is the start {away.said}",
        {"source": away.source, **({"weight": record.path} if record is not None else {})},
    )


def _about(value):
    """A weight in a number, or two where its entries differ."""
    low, high = float(np.min(value)), float(np.max(value))
    return f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g}"
