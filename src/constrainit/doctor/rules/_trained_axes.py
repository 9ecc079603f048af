"""What is said where only training tells along which axes a constraint is to work."""

from constrainit.doctor._evidence import AxisEvidence
from constrainit.sets.custom import own_name


def by_training(seen: AxisEvidence) -> tuple[str, str]:
    """The message of a finding, and what to do."""
    name = own_name(seen.record.constraint)
    used, right = _axis(seen.given), _axis(seen.other)
    own, other = (f"{first:.4g} to {last:.4g}" for first, last in (seen.loss, seen.loss_along))
    if seen.constant is not None:
        return (
            f"its constraint {name} {_taken(seen)}: from a start inside the loss goes from {own} "
            f"in {seen.steps} steps, with these numbers along axis {right} from {other}",
            f"lay the numbers out along axis {right}: keras.ops.reshape(..., "
            f"{(-1, *(1,) * (seen.given[0] - seen.other[0]))}); and start inside: "
            "constrainit.prepare(model)",
        )
    if seen.whole:
        return (
            f"its constraint {name} calls {seen.whole} without an axis, which acts on all of the "
            f"shape {seen.record.shape}, and ties units and inputs to one another: from a start "
            f"inside the loss goes from {own} in {seen.steps} steps, with axis=0 from {other}",
            f"write axis=0 for {seen.whole}; and start inside: constrainit.prepare(model)",
        )
    works = (
        f"puts numbers in order along axis {used}, and exchanges them between rows that start "
        f"in order along axis {right}"
        if seen.in_order
        else f"works along axis {used}, and so the model does not train"
    )
    inside = "" if seen.in_order else ", and start inside: constrainit.prepare(model)"
    return (
        f"its constraint {name} {works}: from a start inside its loss goes from {own} in "
        f"{seen.steps} steps, along axis {right} from {other}",
        f"write axis={right} in place of axis={used}{inside}",
    )


def _taken(seen):
    """Along which axis a constant acts, and which other one is as long."""
    constant, axes = seen.constant, seen.record.axes or ()
    [used], [right] = seen.given, seen.other
    whose = (" (its units)", " (its inputs)") if right in axes and used not in axes else ("", "")
    return (
        f"takes {constant.name}, of {constant.shape[0]} numbers, along the last axis {used}"
        f"{whose[0]} of the shape {seen.record.shape}, where axis {right}{whose[1]} is as long"
    )


def _axis(axes):
    """Axes as they are written."""
    return axes[0] if len(axes) == 1 else tuple(axes)
