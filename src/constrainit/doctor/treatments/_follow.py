"""What follows from a finding: what is gone where a treatment mended that one."""

from constrainit.doctor._finding import Finding
from constrainit.doctor.rules.cw208_not_saved import NotSaved
from constrainit.doctor.rules.cw705_layer_not_saved import LayerNotSaved
from constrainit.doctor.rules.cw706_state_not_saved import StateNotSaved
from constrainit.doctor.treatments._remedy import BUT_THEN, Look, key

_OF_STARTS = ("CW101", "CW102", "CW104")
_OF_CALLS = ("CW201", "CW202", "CW203", "CW207")
"""What a constraint does wherever a weight starts, though calling it outside of a step hides it."""

_OF_A_RUN = ("forward", "loss", "gradients", "second forward", "training")


def follow(cause: Finding, found: list[Finding], after: Look) -> None:
    """Marks the findings that are gone after a change made for another one as its consequences.

    So are notes of how the model runs. Of several findings of the rule that were healed, the one of
    the same weight is the cause. That a constraint or layer is not saved causes nothing.
    """
    if cause.code in (NotSaved.code, LayerNotSaved.code, StateNotSaved.code):
        return
    left, now = ({key(f) for f in after.found if f.counts or notes} for notes in (True, False))
    alike = {f.weight: f for f in found if f.code == cause.code and f.weight and not f.cause}
    for finding in found:
        done, change = finding.treatment, after.changed.at(finding.weight).change
        # Healed by something else, or not by this although it was asked for: a cause of its own.
        own = done is not None and done.healed != (done.change.split(BUT_THEN)[0] == change)
        same = finding.code == cause.code or finding.cause or own
        noted = finding.stage in _OF_A_RUN and key(finding) not in left
        gone = key(finding) not in now if finding.counts else noted
        same = same or (cause.code in _OF_STARTS and finding.code in _OF_CALLS)
        if not same and finding is not cause and gone:
            own_cause = alike.get(finding.weight, cause)
            finding.cause = f"{own_cause.code} {own_cause.weight or own_cause.layer}".rstrip()
