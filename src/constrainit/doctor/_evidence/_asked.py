"""What is asked of a model only where there is reason: the first part of the evidence."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Asked:
    """What is asked only where there is reason, each once.

    Attributes:
        small_exponentials: Exponentials that are next to nothing at the start, where only larger
            ones train.
        untouched: Coordinates that several layers all leave as they are, and should not.
        levelled: Layers that make the places of an example alike, where fewer of them train.
        exchanged_labels: Labels that a loss takes the other way around.
        masked_softmax: A softmax beside a product with a mask, which should come before it.
        clipped: Weights that start outside of where the user's code clips them.
        picked_rows: A table few rows of which are picked as the nearest.
        reshaped: A `Reshape` that should exchange two axes.
    """

    small_exponentials: Any = None
    untouched: Any = None
    levelled: Any = None
    exchanged_labels: Any = None
    reshaped: Any = None
    picked_rows: Any = None
    clipped: Any = None
    masked_softmax: Any = None
