"""A batch of another width than the model was built for, as Keras says it of a layer."""

import re
from typing import Any

from keras import tree

_WIDTH = re.compile(
    r"expected axis -1 of input shape to have value (\d+), but received input with shape "
    r"\(([\w, ]+)\)"
)


def widths(message: str, x: Any) -> tuple[int, int] | None:
    """The width of an input and the one that a layer takes; None where it is anything else.

    Args:
        message: What was raised.
        x: The inputs. What a layer got from another layer is no fault of theirs.
    """
    found = _WIDTH.search(message)
    if found is None:
        return None
    # The number of examples may be left open.
    got = found[2].replace(" ", "").rstrip(",").split(",")[1:]
    given = [[str(size) for size in one.shape[1:]] for one in tree.flatten(x)]
    return (int(got[-1]), int(found[1])) if got and got in given and got[-1].isdigit() else None
