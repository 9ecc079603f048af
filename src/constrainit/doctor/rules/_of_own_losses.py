"""What is said of losses of the user's own that fall without the targets being met."""

from typing import Any


def told_turned(made: Any) -> tuple[str, str]:
    """The message and the fix of a loss that is largest where predictions are the targets.

    Args:
        made: What is known of it, as `costly_truth` gives it.
    """
    truth, others, opposite = made.losses
    given, turned = made.correlations
    return (
        f"the loss {made.name} is {truth:.4g} for predictions that are the targets, "
        f"{others:.4g} for those of other examples, and {opposite:.4g} for the opposite of the "
        f"targets: it falls as predictions leave them. After {made.steps} steps on half of the "
        f"examples, predictions for the others have a correlation of {given:.2f} with the "
        f"targets, and of {turned:.2f} with the loss the other way up",
        "turn its sign: keras.losses.cosine_similarity, for one, is negative already, and a "
        "score that is to grow, such as a correlation, is subtracted",
    )


def told_shares(made: Any) -> tuple[str, str]:
    """The message and the fix of a likelihood whose predictions add up to more than one.

    Args:
        made: What is known of it, as `sums_of_shares` gives it.
    """
    given, divided = made.losses
    layer = f"{made.layer!r} gives" if made.layer else "the model gives"
    return (
        f"the loss {made.name} takes shares: it only falls as predictions grow, and does not "
        f"look at those where the targets are zero. But what {layer} for an example adds up to "
        f"{made.total:.3g}, not to one: it falls by larger numbers, which tell nothing of the "
        f"targets ({given:.4g} as they are, {divided:.4g} divided by their sum)",
        "let the predictions of an example add up to one, such as by a softmax along axis=-1 "
        "and not along another one, or take a loss that looks at the zeros, too",
    )
