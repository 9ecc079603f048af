"""What is told of sines whose arguments start over many periods."""

from typing import Any

from constrainit._words import listed

OF_SINES = ("deviation", "loss_of_half", "loss_at_the_end", "loss_with_smaller")


def told_of_sines(made: Any) -> tuple[tuple[str, str, dict[str, Any]], dict[str, Any]]:
    """The message, what to write instead and the numbers; and where it is."""
    first, given, smaller = made.losses
    line = "" if made.source is None else f" in line {made.source.line}"
    widest = max(spread for _, spread in made.kernels)
    names = listed(list(dict.fromkeys(record.layer.name for record, _ in made.kernels)), 3)
    told = (
        f"the sines{line} of {names} are given numbers that deviate by up to {widest:.3g} at the "
        f"start, over many periods: what comes out is noise that no step brings nearer to the "
        f"targets. The loss of the other half of the batch goes from {first:.4g} to {given:.4g} in "
        f"{made.steps} steps on one half, and to {smaller:.4g} from kernels that are divided by "
        "that",
        "draw hidden kernels so that arguments deviate by about one: within sqrt(6 / n) / omega "
        "for sin(omega * (x @ kernel)) of n inputs; only the first layer sets the frequencies",
        {
            "deviation": widest, "loss_of_half": first, "loss_at_the_end": given,
            "loss_with_smaller": smaller, "sines": [record.path for record, _ in made.kernels],
        },
    )  # fmt: skip
    record, _ = made.kernels[0]
    return told, {"layer": record.layer.name, "weight": record.path, "source": made.source}
