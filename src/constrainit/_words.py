"""Numbers and names as parts of a sentence."""

import math
from collections.abc import Sequence
from typing import Any


def with_article(name: str) -> str:
    """The name of a class with its article."""
    return f"{'an' if name[:1] in 'aeioAEIO' or name == 'ndarray' else 'a'} {name}"


def counted(count: int, what: str, many: str = "") -> str:
    """A number of things, in the singular where it is one."""
    return f"{count} {what if count == 1 else many or f'{what}s'}"


def listed(names: Sequence[object], most: int = 3) -> str:
    """The first names, and how many more there are: "a, b, c and 2 more"."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def ended(text: str) -> str:
    """A text as a sentence: with a full stop, unless it has an end of its own."""
    return text if text.endswith((".", "?", "!", "\u2026")) else f"{text}."


def span(low: float, high: float) -> str:
    """Two ends in three digits, or one number where both read the same."""
    ends = [f"{end:.3g}" for end in (low, high)]
    return " to ".join(dict.fromkeys(ends))


_MANY = 10.0
"""From so many times a thing on nobody reads percent."""


def share(part: float, whole: str = "") -> str:
    """A share as people read it: 0.4 %, 71 %, 640 %, and from ten times the whole on 16 times.

    Args:
        part: The share, one for all of it.
        whole: What it is a share of, such as "its norm", if the text goes on with that.
    """
    if not math.isfinite(part):
        return f"{part} of {whole}" if whole else str(part)
    if abs(part) < _MANY:
        return f"{100 * part:.3g} %{f' of {whole}' if whole else ''}"
    count = f"{part:,.0f}" if abs(part) < 1e6 else f"{part:.0e}"
    return f"{count} times{f' {whole}' if whole else ''}"


def beside(number: float, size: float, rounding: float = 1e-12, digits: int = 3) -> str:
    """A number beside one of its own kind: 0 where it is but the rounding of that, or minus zero.

    Args:
        number: Any number.
        size: The other one, such as the deviation around a mean.
        rounding: What rounding leaves of a number of size one, by its dtype.
        digits: How many digits are shown.
    """
    size = abs(size) if math.isfinite(size) else 0.0
    return f"{0.0 if abs(number) <= rounding * size else number:.{digits}g}"


def nothing_to_keep(owner: str, model: Any) -> str:
    """What is said of a model in which no weight obeys anything, to what keeps weights inside."""
    return (
        f"`{owner}` has nothing to keep: no weight of {model.name!r} has a constraint. Give a "
        "layer one, Dense(64, **constrained(kernel=a_set)), or a built model, "
        'constrain(model, {"*/kernel": a_set}).'
    )
