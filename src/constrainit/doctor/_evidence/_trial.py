"""What a change of the training, and not of the model, was seen to do."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from constrainit.doctor._evidence._whole import Evidence


@dataclass
class Trial:
    """A change of the training, not of the model, and what the same look found then.

    Attributes:
        change: The change in one sentence.
        evidence: What was found.
        numbers: What was changed, in numbers.
    """

    change: str
    evidence: "Evidence"
    numbers: dict[str, float]
