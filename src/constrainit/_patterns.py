"""Patterns of the paths of weights."""

import difflib
import fnmatch
from collections.abc import Iterable


def ends_as(path: str, pattern: str) -> bool:
    """Whether a glob pattern is that of a path, or of the end of it, from a name on.

    `"*/a/b"` is the end of `"a/b"`, too: Keras puts the name of a model there or not.
    """
    parts = ["", *path.split("/")]
    ends = ("/".join(parts[start:]) for start in range(len(parts)))
    return any(fnmatch.fnmatchcase(end, pattern) for end in ends)


def nearest(pattern: str, paths: Iterable[str]) -> str:
    """A pattern like one that matches nothing, which does match a path; empty if none is like it.

    What stands for any name stays: of `"*/kernal"` it is `"*/kernel"`.
    """
    wanted = pattern.split("/")
    made: dict[str, None] = {}
    for path in paths:
        names = path.split("/")
        size = min(len(wanted), len(names))
        for start in range(len(names) - size + 1):
            pairs = zip(wanted[-size:], names[start : start + size], strict=True)
            like = "/".join(w if fnmatch.fnmatchcase(name, w) else name for w, name in pairs)
            # What names no weight any more is like none.
            if ends_as(path, like) and set(like) - set("*?/"):
                made[like] = None
    return next(iter(most_like(pattern, made, 0.6)), "")


def most_like(pattern: str, names: Iterable[str], least: float) -> list[str]:
    """The names that are like a pattern, the most like one first; of equals the first given."""
    # `difflib.get_close_matches` gives of equals the last one in the alphabet.
    ratios = {name: difflib.SequenceMatcher(None, name, pattern).ratio() for name in names}
    return [n for n in sorted(ratios, key=lambda n: -ratios[n]) if ratios[n] >= least]
