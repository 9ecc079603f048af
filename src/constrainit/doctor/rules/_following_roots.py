"""What follows from a single root, wherever it shows."""

import math

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._finding import Finding
from constrainit.doctor.rules.cw001_model_fails import ModelFails
from constrainit.doctor.rules.cw101_infeasible_start import InfeasibleStart
from constrainit.doctor.rules.cw105_identical_units import IdenticalUnits
from constrainit.doctor.rules.cw401_nonfinite_forward import NonfiniteForward
from constrainit.doctor.rules.cw403_dead_start import DeadStart
from constrainit.doctor.rules.cw404_exploding_signal import ExplodingSignal
from constrainit.doctor.rules.cw405_constant_output import ConstantOutput
from constrainit.doctor.rules.cw412_beyond_range import BeyondRange
from constrainit.doctor.rules.cw501_nonfinite_gradient import NonfiniteGradient
from constrainit.doctor.rules.cw502_nonfinite_loss import NonfiniteLoss
from constrainit.doctor.rules.cw503_no_gradient import NoGradient
from constrainit.doctor.rules.cw504_fading_gradient import FadingGradient
from constrainit.doctor.rules.cw510_stuck_at_bound import StuckAtBound
from constrainit.doctor.rules.cw601_learning_rate_too_high import LearningRateTooHigh
from constrainit.doctor.rules.cw603_wrong_loss import WrongLoss

_NOT_HELD = ("CW201", "CW202", "CW206", "CW209", InfeasibleStart.code)
WITHOUT_GRADIENT = (NoGradient.code, FadingGradient.code)
BROKEN = (NonfiniteForward.code, NonfiniteGradient.code, NonfiniteLoss.code)
FIRST = ("forward", "loss", "gradients")
"""The stages before a constraint has acted."""


def follow_signal(found: list[Finding], evidence: Evidence) -> None:
    """Units are dead behind a constant because of it, and in it where all is rounded to zero."""
    order = [output.layer for output in evidence.outputs]
    for still in (f for f in found if f.code == ConstantOutput.code and not f.cause):
        after = still.layer not in [one.layer.name for one in evidence.rounded_away]
        behind = order[order.index(still.layer) + after :] if still.layer in order else []
        dead = [f for f in found if f.code == DeadStart.code and f.layer in behind]
        cut = [f for f in found if f.code in WITHOUT_GRADIENT and f.layer in behind]
        for finding in dead and dead + cut:
            finding.cause = f"{still.code} {still.weight or still.layer}"


def follow_picked(found: list[Finding], evidence: Evidence) -> None:
    """What a step in the code of a layer never picks gets no gradient because of it."""
    lost = [f for f in found if f.code == NoGradient.code and f.counts]
    own = next((f for f in lost if (c := evidence.severed.get(f.weight)) and c.layer), None)
    if own is None:
        return
    for finding in lost:
        alike = finding.source is None or finding.source == own.source
        if finding is not own and alike and not finding.cause:
            finding.cause = f"{own.code} {own.weight}"
    for finding in found:
        zeros = finding.code == IdenticalUnits.code and "zeros" in finding.evidence
        if zeros and finding.weight == own.weight:
            finding.cause = f"{own.code} {own.weight}"


def follow_beyond(found: list[Finding]) -> None:
    """What no gradient gets through, and what is the same for all, where all is lost, follows."""
    for made in [f for f in found if f.code == BeyondRange.code][:1]:
        for finding in found:
            if finding.code in (NoGradient.code, ConstantOutput.code, DeadStart.code):
                finding.cause = f"{made.code} {made.weight or made.layer}"


def follow_outside(found: list[Finding], evidence: Evidence) -> None:
    """What is not finite, or raises, by weights outside of their sets follows from their start."""
    paths = evidence.finite_inside | evidence.lost_inside
    own = next((f for f in found if f.code == InfeasibleStart.code and f.weight in paths), None)
    if own is None:
        return
    for finding in found:
        if finding.code in (*BROKEN, ModelFails.code) and not finding.cause:
            finding.cause = f"{InfeasibleStart.code} {own.weight}"


def follow_shares(found: list[Finding]) -> None:
    """Shares below zero follow from a weight of their layer that its constraint does not hold."""
    for finding in found:
        if finding.code != WrongLoss.code or "shares" not in finding.evidence:
            continue
        own = (f for f in found if f.code in _NOT_HELD and f.counts and f.layer == finding.layer)
        first = next(own, None)
        if first is not None:
            finding.cause = first.cause or f"{first.code} {first.weight}"


def follow_small(found: list[Finding], evidence: Evidence) -> None:
    """Behind kernels that start too small all is the same for every example, or dead.

    So it is behind layers that make all places of an example alike.
    """
    order = [output.layer for output in evidence.outputs]
    roots = (f for f in found if f.code == FadingGradient.code)
    own = next((f for f in roots if {"drawn", "within"} & set(f.evidence)), None)
    if own is None:
        return
    behind = order[order.index(own.layer) :] if own.layer in order else []
    for finding in found:
        same = finding.code == ConstantOutput.code and not finding.weight
        if (same or finding.code == DeadStart.code) and finding.layer in behind:
            finding.cause = f"{own.code} {own.weight or own.layer}"


def follow_explosion(found: list[Finding]) -> None:
    """A loss overflows by outputs that have grown; what it computes of them is sound.

    So do the outputs themselves after the steps, where they were far too large at the start.
    """
    grown = [finding for finding in found if finding.code == ExplodingSignal.code]
    for finding in found if grown else []:
        late = grown[0].stage == finding.stage == "training"
        over = "overflow of" in finding.message and (
            finding.code == NonfiniteLoss.code or finding.stage != grown[0].stage == "forward"
        )
        if finding.code in BROKEN and (late or over):
            finding.cause = f"{grown[0].code} {grown[0].weight or grown[0].layer}"


def follow_the_rate(found: list[Finding], evidence: Evidence) -> None:
    """What a kept step shows follows from the rate of those before it, where that is known."""
    for finding in found if "start" in evidence.trials else []:
        if finding.code.startswith(("CW4", "CW5")) and finding.counts:
            finding.cause = LearningRateTooHigh.code


def follow_turned(found: list[Finding], evidence: Evidence) -> None:
    """What is not finite by a loss with its arguments the other way around follows from that."""
    if all(math.isfinite(made.losses[0]) for made in evidence.turned):
        return
    for finding in found:
        if finding.code in BROKEN and not finding.cause:
            finding.cause = WrongLoss.code


def follow_stuck(found: list[Finding]) -> None:
    """Units that die in the steps, behind weights that are stuck, are dead because of these."""
    for own in [f for f in found if f.code == StuckAtBound.code]:
        for finding in [f for f in found if f.code == DeadStart.code and f.stage not in FIRST]:
            finding.cause = f"{own.code} {own.weight}"
