"""What CW504 tells of layers that make the places of an example alike."""

from typing import Any


def told_levelled(made: Any) -> tuple[str, str]:
    """The message and the fix of layers that average places until they are alike."""
    first, last = made.layers[0], made.layers[-1]
    begin, given, other = made.losses
    return (
        f"what the {made.places} places of an example are given differs by {made.differ[0]:.2g} of "
        f"its size behind {first.name!r}, and by {made.differ[1]:.2g} behind {last.name!r}: "
        f"{len(made.layers)} layers of {type(first).__name__} in a row average over them until all "
        f"are alike. The loss of examples that are not trained on goes from {begin:.4g} to "
        f"{given:.4g} in {made.steps} steps, and to {other:.4g} with a way around each layer",
        "take fewer of these layers, or add what each is given to what it gives, so that every "
        "place keeps what is its own",
    )
