"""Patterns of the paths of weights."""

import fnmatch


def ends_as(path: str, pattern: str) -> bool:
    """Whether a glob pattern is that of a path, or of the end of it, from a name on.

    `"*/a/b"` is the end of `"a/b"`, too: Keras puts the name of a model there or not.
    """
    parts = ["", *path.split("/")]
    ends = ("/".join(parts[start:]) for start in range(len(parts)))
    return any(fnmatch.fnmatchcase(end, pattern) for end in ends)
