"""Which findings follow from which others."""

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._finding import Finding
from constrainit.doctor.rules._following_roots import (
    BROKEN,
    FIRST,
    WITHOUT_GRADIENT,
    follow_beyond,
    follow_explosion,
    follow_outside,
    follow_picked,
    follow_shares,
    follow_signal,
    follow_small,
    follow_stuck,
    follow_the_rate,
    follow_turned,
)
from constrainit.doctor.rules.cw001_model_fails import ModelFails
from constrainit.doctor.rules.cw101_infeasible_start import InfeasibleStart
from constrainit.doctor.rules.cw102_start_jump import StartJump
from constrainit.doctor.rules.cw103_nonfinite_start import NonfiniteStart
from constrainit.doctor.rules.cw104_lost_half import LostHalf
from constrainit.doctor.rules.cw105_identical_units import IdenticalUnits
from constrainit.doctor.rules.cw204_constraint_makes_nan import ConstraintMakesNan
from constrainit.doctor.rules.cw205_not_a_projection import NotAProjection
from constrainit.doctor.rules.cw210_inexact_constraint import InexactConstraint
from constrainit.doctor.rules.cw211_signed_sum import SignedSum
from constrainit.doctor.rules.cw212_update_undone import UpdateUndone
from constrainit.doctor.rules.cw213_no_member import NoMember
from constrainit.doctor.rules.cw301_wrong_axis import WrongAxis
from constrainit.doctor.rules.cw306_computed_once import ComputedOnce, is_of_graph
from constrainit.doctor.rules.cw401_nonfinite_forward import NonfiniteForward
from constrainit.doctor.rules.cw403_dead_start import DeadStart
from constrainit.doctor.rules.cw404_exploding_signal import ExplodingSignal
from constrainit.doctor.rules.cw405_constant_output import ConstantOutput
from constrainit.doctor.rules.cw406_assigned_in_call import AssignedInCall
from constrainit.doctor.rules.cw409_not_a_variable import NotAVariable
from constrainit.doctor.rules.cw411_muted_signal import MutedSignal
from constrainit.doctor.rules.cw501_nonfinite_gradient import NonfiniteGradient
from constrainit.doctor.rules.cw503_no_gradient import NoGradient
from constrainit.doctor.rules.cw504_fading_gradient import FadingGradient
from constrainit.doctor.rules.cw505_loss_grows import LossGrows
from constrainit.doctor.rules.cw506_lost_update import LostUpdate
from constrainit.doctor.rules.cw507_rounding import Rounding
from constrainit.doctor.rules.cw508_epsilon_underflows import EpsilonUnderflows
from constrainit.doctor.rules.cw509_no_second_derivative import NoSecondDerivative
from constrainit.doctor.rules.cw604_nonfinite_data import NonfiniteData
from constrainit.doctor.rules.cw606_unbounded_loss import UnboundedLoss
from constrainit.doctor.rules.cw704_gradients_add_up import GradientsAddUp
from constrainit.doctor.rules.cw705_layer_not_saved import LayerNotSaved
from constrainit.doctor.rules.cw706_state_not_saved import StateNotSaved

_OF_GRADIENTS = (FadingGradient.code, LossGrows.code)
_BY_START = (InfeasibleStart.code, StartJump.code, LostHalf.code, LostUpdate.code)
BY_JUMP = (*BROKEN, ExplodingSignal.code, LossGrows.code)
"""What follows from weights that a constraint has made many times as large."""

_OF_CONSTRAINT = (UpdateUndone.code, NotAProjection.code, InexactConstraint.code, *_BY_START)
_OF_TRAINING = (
    UnboundedLoss.code, EpsilonUnderflows.code, Rounding.code, NoSecondDerivative.code,
    GradientsAddUp.code,
)  # fmt: skip


def follow(found: list[Finding], evidence: Evidence) -> None:
    """Writes into findings the one that each of them follows from, where that is known."""
    _follow_start(found, [output.layer for output in evidence.outputs])
    follow_outside(found, evidence)
    follow_small(found, evidence)
    follow_turned(found, evidence)
    follow_signal(found, evidence)
    _follow_softmax(found, evidence)
    _follow_factors(found, evidence)
    follow_picked(found, evidence)
    _follow_computed(found, evidence)
    _follow_assigned(found)
    _follow_zeros(found, evidence)
    follow_stuck(found)
    follow_explosion(found)
    follow_shares(found)
    _follow_constraint(found)
    _follow_axes(found)
    _follow_undone(found, evidence)
    _follow_empty(found)
    _follow_jump(found, evidence)
    follow_beyond(found)
    _follow_gradient(found)
    _follow_training(found)
    _follow_config(found)
    follow_the_rate(found, evidence)


def _follow_start(found, order):
    """What is not finite at or behind a weight that never was follows from that."""
    own = next(iter(_of(found, NonfiniteStart)), None)
    if own is None or _of(found, NonfiniteData):
        return
    at = order.index(own.layer) if own.layer in order else 0
    for finding in found:
        before = finding.layer in order[:at] and finding.code == NonfiniteForward.code
        if finding.code in BROKEN and not before:
            finding.cause = f"{own.code} {own.weight}"


def _follow_softmax(found, evidence):
    """A softmax over a single entry is constant because of that, unless it ends the model.

    Where it does, no start is of any matter.
    """
    alone, ends = {layer for layer, _ in evidence.alone}, {m.layer for m in evidence.losses_of}
    lost = [f for f in found if f.code == NoGradient.code]
    still = [f for f in found if f.code == ConstantOutput.code and f.layer in alone]
    for finding in still:
        if finding.layer not in ends and lost:
            finding.cause = f"{lost[0].code} {lost[0].weight}"
    for finding in found if any(f.layer in ends for f in still) else []:
        if finding.code in _BY_START:
            finding.cause = f"{still[0].code} {still[0].weight or still[0].layer}"


def _follow_factors(found, evidence):
    """A product of zeros is constant, and all behind it, and what is before it gets no gradient."""
    factors = [made.record for made in evidence.gradients if made.factor]
    own = {f.weight: f for f in found if f.code == NoGradient.code}
    order = [output.layer for output in evidence.outputs]
    places = [order.index(r.layer.name) for r in factors if r.layer.name in order]
    first = [own[r.path] for r in factors if r.path in own][:1]
    behind = order[min(places) :] if places else []
    layers = {record.layer.name for record in factors}
    cut = any(e.leaves and not e.gradient and e.layer in layers for e in evidence.entries)
    for finding in found if first else []:
        still = finding.code == ConstantOutput.code and finding.layer in behind
        lost = cut and finding.code == NoGradient.code and finding.layer not in behind
        if (still or lost) and not finding.cause:
            finding.cause = f"{NoGradient.code} {first[0].weight}"


def _follow_computed(found, evidence):
    """A weight that is looked at once gets no gradient, and PyTorch fails at the second step."""
    kept = [finding for finding in _of(found, ComputedOnce) if "weights" in finding.evidence]
    for made, own in zip(evidence.computed, kept, strict=True):
        paths = {record.path for record in made.records}
        for finding in found if own.counts else []:
            fault = evidence.faults.get(finding.stage)
            freed = finding.code == ModelFails.code and fault is not None and is_of_graph(fault)
            lost = finding.code == NoGradient.code and finding.weight in paths
            plain = finding.code == NotAVariable.code and finding.layer == made.holder.name
            if not finding.cause and (freed or lost or plain):
                finding.cause = f"{own.code} {own.weight}"


def _follow_assigned(found):
    """PyTorch fails as the forward pass has assigned to weights that it had computed with."""
    own = next((f for f in _of(found, AssignedInCall) if f.level == "error"), None)
    if own is None:
        return
    for finding in _of(found, ModelFails):
        if finding.stage == "gradients" and not finding.cause:
            finding.cause = f"{own.code} {own.weight}"


def _follow_zeros(found, evidence):
    """Behind kernels of zeros all is the same for every example, and before them is no gradient."""
    zeros = (f for f in _of(found, IdenticalUnits) if "zeros" in f.evidence and not f.cause)
    own = next(zeros, None)
    order = [output.layer for output in evidence.outputs]
    layers = [record.layer.name for record in evidence.zeros]
    places = [order.index(name) for name in layers if name in order]
    behind = order[min(places) :] if places else []
    before = order[: max(places) + 1] if places else []
    if own is None:
        return
    for finding in found:
        still = finding.code in (ConstantOutput.code, DeadStart.code) and finding.layer in behind
        lost = finding.code in WITHOUT_GRADIENT and finding.layer in before
        if still or lost:
            finding.cause = f"{own.code} {own.weight}"


def _of(found, rule):
    return [finding for finding in found if finding.code == rule.code]


def _follow_constraint(found):
    """What is finite until a constraint has made NaN of a weight follows from that."""
    made = next((f for f in found if f.code == ConstraintMakesNan.code), None)
    broken = [f for f in found if f.code in BROKEN]
    if made is not None and not any(f.stage in FIRST for f in broken):
        for finding in broken:
            finding.cause = f"{made.code} {made.weight}"


def _follow_undone(found, evidence):
    """Where a weight starts is of no matter if it can not move from where it is put.

    What a layer gives, and all behind it, is the same for all if its weights stay at zero.
    """
    undone = {f.weight: f for f in found if f.code == UpdateUndone.code}
    for finding in found:
        own = undone.get(finding.weight) if finding.code in _BY_START else None
        if own is None and finding.code == LossGrows.code and undone:
            own = next(iter(undone.values()))
        if own is None and finding.code == ConstantOutput.code:
            own = next(
                (f for f in undone.values() if _stays_zero_before(f, finding, evidence)), None
            )
        if own is not None:
            finding.cause = own.cause or f"{own.code} {own.weight}"


def _stays_zero_before(own, finding, evidence):
    """Whether a weight stays at zero, in the layer that a finding is of or in one before it."""
    order = [output.layer for output in evidence.outputs]
    zero = any(m.record.path == own.weight and not m.start.norm for m in evidence.constraints)
    at = order.index(own.layer) if own.layer in order else len(order)
    return zero and finding.layer in order[at:]


def _follow_axes(found):
    """What a constraint does follows from its norms being others than meant, or its bound."""
    wrong = {f.weight: f for f in _of(found, MutedSignal) if {"factor", "left"} & set(f.evidence)}
    wrong |= {f.weight: f for f in found if f.code == WrongAxis.code and f.counts}
    for finding in found:
        own = wrong.get(finding.weight)
        if own is None:
            continue
        undone = own.code == WrongAxis.code and finding.code == UpdateUndone.code
        if undone or finding.code in (InfeasibleStart.code, StartJump.code, LostHalf.code):
            finding.cause = finding.cause or f"{own.code} {own.weight}"


def _follow_empty(found):
    """All that a constraint does follows from there being no weight that it could give."""
    lost = {
        f.weight: f
        for f in found
        if f.code == NoMember.code or (f.code == ConstraintMakesNan.code and "growth" in f.evidence)
    }
    for finding in found:
        own = lost.get(finding.weight)
        if own is not None and finding.code in _OF_CONSTRAINT:
            finding.cause = f"{own.code} {own.weight}"


def _follow_jump(found, evidence):
    """What grows or overflows once a constraint has made a weight many times as large."""
    for made in evidence.constraints:
        own = [f for f in found if f.weight == made.record.path and f.counts] if made.blown else []
        by_sum, by_start = (
            next((f for f in own if f.code == rule.code), None)
            for rule in (SignedSum, InfeasibleStart)
        )
        cause = by_sum or by_start
        if cause is None:
            continue
        for finding in found:
            jump = by_sum is not None and finding in own and finding.code in _BY_START
            later = finding.code in BY_JUMP and finding.stage not in FIRST
            if (jump or later) and not finding.cause:
                finding.cause = cause.cause or f"{cause.code} {cause.weight}"


def _follow_gradient(found):
    """What the weights make of the batch once their first gradient was NaN follows from that."""
    lost = [f for f in found if f.code == NonfiniteGradient.code and f.stage == "gradients"]
    for finding in found if lost else []:
        if finding.code in BROKEN and finding.stage not in FIRST:
            finding.cause = f"{lost[0].code} {lost[0].weight or lost[0].layer}"


def _follow_training(found):
    """What shows in training only, where loss or optimizer is at fault: no rate would mend it."""
    cause = next((f for f in found if f.code in _OF_TRAINING), None)
    if cause is None:
        return
    for finding in found:
        later = finding.stage in ("second forward", "training") or finding.code in _OF_GRADIENTS
        if finding is not cause and finding.counts and later and not finding.cause:
            finding.cause = f"{cause.code} {cause.layer}".rstrip()


def _follow_config(found):
    """What is drawn anew follows from an argument that is lost, or is to be trained anyway."""
    lost = [f for f in _of(found, LayerNotSaved) if f.weight and f.level == "error"]
    for finding in found if lost else []:
        if finding.code in BROKEN and not finding.cause:
            finding.cause = f"{lost[0].code} {lost[0].weight}"
    causes = [f for f in found if f.code in (LayerNotSaved.code, NotAVariable.code) and f.counts]
    for finding in _of(found, StateNotSaved):
        own = next((f for f in causes if f.layer == finding.layer), None)
        if own is not None:
            finding.cause = f"{own.code} {own.layer}"
