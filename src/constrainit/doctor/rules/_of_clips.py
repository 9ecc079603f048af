"""What is told of weights that start where the user's own code clips them."""

import math

from constrainit.doctor._clipped import ClippedEvidence
from constrainit.doctor._finding import Finding
from constrainit.doctor.rules._rule import Rule, percent


def of_clipped(rule: Rule, made: ClippedEvidence, numbers: dict[str, float]) -> Finding:
    """Weights most of which start where a clip has no gradient, and stay there."""
    first, given, other = made.losses
    low, high = made.bounds
    between = f"the {made.function} in line {made.source.line}" if made.source else made.function
    where = (
        f"from {low:g} to {high:g}"
        if math.isfinite(low) and math.isfinite(high)
        else (f"above {low:g}" if math.isfinite(low) else f"below {high:g}")
    )
    names = ", ".join(record.path for record in made.records[:3])
    of = "its entries" if len(made.records) == 1 else f"the entries of {names}"
    record = made.records[0]
    return rule.made(
        f"{percent(made.share)} of {of} start outside of where "
        f"{between} lets a gradient through, {where}, and no step moves these. In "
        f"{made.steps} steps on half of the batch the loss of the other half goes from "
        f"{first:.4g} to {given:.4g}, and to {other:.4g} from a start inside",
        "start inside of the bounds, or clip no weight in call: a constraint "
        "(constrainit.Box) acts behind the step, and cuts no gradient",
        numbers,
        layer=record.layer.name, weight=record.path, source=made.source,
    )  # fmt: skip
