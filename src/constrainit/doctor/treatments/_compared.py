"""The numbers of a finding before a change and after it."""

from typing import Any

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._finding import Finding
from constrainit.doctor._penalty import of_data
from constrainit.doctor.rules.cw208_not_saved import LOADED


def compared(
    finding: Finding, still: Finding | None, before: Evidence | None, after: Evidence
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The numbers of a finding, and the same after a change.

    Where none of them can be read off the other evidence, the last loss stands for them.

    Args:
        finding: The finding.
        still: The same one after the change, if it is there still.
        before: What was measured before the change, if that is known.
        after: What was measured after it.
    """
    first = _shown(finding.evidence)
    then = _measured(finding, after) if still is None else _shown(still.evidence)
    if first.keys().isdisjoint(then) and before is not None:
        first, then = {**first, **_last_loss(before)}, {**then, **_last_loss(after)}
    return first, then


def _last_loss(evidence):
    return {"last_loss": (evidence.losses or [evidence.loss])[-1]}


def _shown(evidence):
    return {name: value for name, value in evidence.items() if not isinstance(value, list)}


def _measured(finding: Finding, evidence: Evidence) -> dict[str, Any]:
    """The numbers of a finding, read off the evidence of a model that no longer has it."""
    numbers: dict[str, Any] = {"moved": 0.0}
    # A weight that is seen through a map has no steps, but that which is free has.
    paths = (finding.weight, f"{finding.weight}_free")
    for made in [g for g in evidence.gradients if g.record.path in paths]:
        numbers = {} if made.moved is None else {"moved": made.moved}
        numbers["gradient"] = made.norm or max(made.later, default=0.0)
    for made in evidence.constraints:
        if made.record.path == finding.weight:
            numbers = {
                "violation": made.violation, "share_moved": made.share_moved, "jump": made.jump,
                "step": made.step, "moved": made.step, "gradient_part": made.update, **made.units,
                "exception": "none", "nonfinite": 0, "moved_again": made.again, "bias": made.bias,
                "differ_by": made.repeat, "reason": made.saving or LOADED,
                "zeroed": made.zeroed[1] - made.zeroed[0], "lost_share": (made.piled or (0.0,))[0],
            }  # fmt: skip
    outputs = evidence.outputs if finding.stage == "forward" else evidence.outputs_after
    for output in [one for one in outputs if one.layer == finding.layer]:
        numbers |= {
            "nonfinite_share": output.nonfinite, "saturated_share": output.saturated,
            "dead_share": output.dead, "mean": output.mean, "spread": output.spread,
        }  # fmt: skip
    peak = max((output.peak for output in evidence.outputs), default=0.0)
    numbers |= {"loss": evidence.loss, "loss_after": (evidence.losses or [None])[-1], "peak": peak}
    if evidence.moving is not None:
        numbers["loss_in_prediction"] = evidence.moving.losses[1]
    if len(evidence.penalties) > 1:
        numbers["data_loss"], numbers["data_loss_after"] = of_data(evidence)
    numbers.setdefault("exception", "still raises" if evidence.faults else "none")
    return {name: numbers[name] for name in _shown(finding.evidence) if name in numbers}
