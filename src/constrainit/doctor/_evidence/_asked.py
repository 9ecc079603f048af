"""What is asked of a model only where there is reason: the first part of the evidence."""

from dataclasses import dataclass, field
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
        reshaped: A `Reshape` that should exchange two axes.
        finite_inside: The paths of weights that start outside of their sets, where the first pass
            is not finite, and is with them inside.
    """

    small_exponentials: Any = None
    untouched: Any = None
    levelled: Any = None
    exchanged_labels: Any = None
    reshaped: Any = None
    finite_inside: set[str] = field(default_factory=set)
