"""The rules, in the order of cause before consequence."""

from collections.abc import Iterable

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._finding import Finding, cause_of
from constrainit.doctor.rules._rule import Rule
from constrainit.doctor.rules.cw001_model_fails import ModelFails
from constrainit.doctor.rules.cw101_infeasible_start import InfeasibleStart
from constrainit.doctor.rules.cw102_start_jump import StartJump
from constrainit.doctor.rules.cw103_nonfinite_start import NonfiniteStart
from constrainit.doctor.rules.cw105_identical_units import IdenticalUnits
from constrainit.doctor.rules.cw106_identical_weights import IdenticalWeights
from constrainit.doctor.rules.cw201_constraint_raises import ConstraintRaises
from constrainit.doctor.rules.cw202_wrong_shape import WrongShape
from constrainit.doctor.rules.cw203_wrong_dtype import WrongDtype
from constrainit.doctor.rules.cw204_constraint_makes_nan import ConstraintMakesNan
from constrainit.doctor.rules.cw205_not_a_projection import NotAProjection
from constrainit.doctor.rules.cw206_constraint_never_runs import ConstraintNeverRuns
from constrainit.doctor.rules.cw207_not_deterministic import NotDeterministic
from constrainit.doctor.rules.cw208_not_saved import NotSaved
from constrainit.doctor.rules.cw209_not_attached import NotAttached
from constrainit.doctor.rules.cw210_inexact_constraint import InexactConstraint
from constrainit.doctor.rules.cw211_signed_sum import SignedSum
from constrainit.doctor.rules.cw212_update_undone import UpdateUndone
from constrainit.doctor.rules.cw213_no_member import NoMember
from constrainit.doctor.rules.cw214_bounded_twice import BoundedTwice
from constrainit.doctor.rules.cw215_leaping_constraint import LeapingConstraint
from constrainit.doctor.rules.cw301_wrong_axis import WrongAxis
from constrainit.doctor.rules.cw302_undefined_at_bound import UndefinedAtBound
from constrainit.doctor.rules.cw303_average_outside import AverageOutside
from constrainit.doctor.rules.cw304_quantized_away import QuantizedAway
from constrainit.doctor.rules.cw305_average_overwrites import AverageOverwrites
from constrainit.doctor.rules.cw306_computed_once import ComputedOnce, is_of_graph
from constrainit.doctor.rules.cw401_nonfinite_forward import NonfiniteForward
from constrainit.doctor.rules.cw402_saturated_start import SaturatedStart
from constrainit.doctor.rules.cw403_dead_start import DeadStart
from constrainit.doctor.rules.cw404_exploding_signal import ExplodingSignal
from constrainit.doctor.rules.cw405_constant_output import ConstantOutput
from constrainit.doctor.rules.cw406_assigned_in_call import AssignedInCall
from constrainit.doctor.rules.cw407_made_in_call import MadeInCall
from constrainit.doctor.rules.cw408_index_beyond_table import IndexBeyondTable
from constrainit.doctor.rules.cw409_not_a_variable import NotAVariable
from constrainit.doctor.rules.cw410_copied_not_tied import CopiedNotTied
from constrainit.doctor.rules.cw411_muted_signal import MutedSignal
from constrainit.doctor.rules.cw501_nonfinite_gradient import NonfiniteGradient
from constrainit.doctor.rules.cw502_nonfinite_loss import NonfiniteLoss
from constrainit.doctor.rules.cw503_no_gradient import NoGradient
from constrainit.doctor.rules.cw504_fading_gradient import FadingGradient
from constrainit.doctor.rules.cw505_loss_grows import LossGrows
from constrainit.doctor.rules.cw506_lost_update import LostUpdate
from constrainit.doctor.rules.cw507_rounding import Rounding
from constrainit.doctor.rules.cw508_epsilon_underflows import EpsilonUnderflows
from constrainit.doctor.rules.cw509_no_second_derivative import NoSecondDerivative
from constrainit.doctor.rules.cw601_learning_rate_too_high import LearningRateTooHigh
from constrainit.doctor.rules.cw602_unscaled_data import UnscaledData
from constrainit.doctor.rules.cw603_wrong_loss import WrongLoss
from constrainit.doctor.rules.cw604_nonfinite_data import NonfiniteData
from constrainit.doctor.rules.cw605_target_out_of_reach import TargetOutOfReach
from constrainit.doctor.rules.cw606_unbounded_loss import UnboundedLoss
from constrainit.doctor.rules.cw607_relative_to_zero import RelativeToZero
from constrainit.doctor.rules.cw608_fading_rate import FadingRate
from constrainit.doctor.rules.cw609_penalty_outweighs import PenaltyOutweighs
from constrainit.doctor.rules.cw610_target_falls import TargetFalls
from constrainit.doctor.rules.cw611_foreign_optimizer import ForeignOptimizer
from constrainit.doctor.rules.cw612_loss_switched_off import LossSwitchedOff
from constrainit.doctor.rules.cw613_schedule_ends_early import ScheduleEndsEarly
from constrainit.doctor.rules.cw614_dropout_rate import DropoutRate
from constrainit.doctor.rules.cw701_own_step_breaks import OwnStepBreaks
from constrainit.doctor.rules.cw702_step_trains_nothing import StepTrainsNothing
from constrainit.doctor.rules.cw703_step_leaves_set import StepLeavesSet
from constrainit.doctor.rules.cw704_gradients_add_up import GradientsAddUp

_STAGES = (
    "build", "forward", "loss", "gradients", "second forward", "training", "save and load",
)  # fmt: skip
_LEVELS = ("error", "warning", "info")

RULES = (
    NonfiniteData(), NonfiniteStart(), ConstraintNeverRuns(), ConstraintRaises(), WrongShape(),
    WrongDtype(), ConstraintMakesNan(), NotDeterministic(), NotAProjection(), SignedSum(),
    NoMember(), UpdateUndone(), LeapingConstraint(), InexactConstraint(), ForeignOptimizer(),
    NotAttached(), QuantizedAway(), MadeInCall(), ComputedOnce(), NotAVariable(), CopiedNotTied(),
    IndexBeyondTable(), WrongAxis(), WrongLoss(), TargetOutOfReach(), TargetFalls(),
    BoundedTwice(), RelativeToZero(), UnboundedLoss(), UndefinedAtBound(), EpsilonUnderflows(),
    PenaltyOutweighs(), LossSwitchedOff(), AverageOverwrites(), UnscaledData(),
    LearningRateTooHigh(), FadingRate(), ScheduleEndsEarly(), DropoutRate(), Rounding(),
    NoSecondDerivative(), AssignedInCall(), GradientsAddUp(), MutedSignal(), StepLeavesSet(),
    AverageOutside(), InfeasibleStart(), IdenticalUnits(), IdenticalWeights(), StartJump(),
    ModelFails(), NonfiniteForward(), NonfiniteGradient(), NonfiniteLoss(), OwnStepBreaks(),
    StepTrainsNothing(), ExplodingSignal(), SaturatedStart(), DeadStart(), NoGradient(),
    ConstantOutput(), FadingGradient(), LostUpdate(), LossGrows(), NotSaved(),
)  # fmt: skip

_TRIALS = {"rate": (LearningRateTooHigh,), "data": (UnscaledData,)}


_WITHOUT_GRADIENT = (NoGradient.code, FadingGradient.code)
_OF_GRADIENTS = (FadingGradient.code, LossGrows.code)
_BROKEN = (NonfiniteForward.code, NonfiniteGradient.code, NonfiniteLoss.code)
_BY_START = (InfeasibleStart.code, StartJump.code, LostUpdate.code)
_OF_CONSTRAINT = (UpdateUndone.code, NotAProjection.code, InexactConstraint.code, *_BY_START)
_OF_TRAINING = (
    UnboundedLoss.code, EpsilonUnderflows.code, Rounding.code, NoSecondDerivative.code,
    GradientsAddUp.code,
)  # fmt: skip
_FIRST = ("forward", "loss", "gradients")
"""The stages before a constraint has acted."""

_BEFORE_HARM = (NotSaved.code, InfeasibleStart.code, StartJump.code, InexactConstraint.code)
"""What may be found of a model that trains well."""


def findings(evidence: Evidence) -> list[Finding]:
    """What every rule finds, causes first."""
    found = [finding for rule in RULES for finding in rule.find(evidence)]
    _follow_signal(found, [output.layer for output in evidence.outputs])
    _follow_softmax(found, evidence)
    _follow_factors(found, evidence)
    _follow_computed(found, evidence)
    _follow_explosion(found)
    _follow_constraint(found)
    _follow_undone(found)
    _follow_empty(found)
    _follow_gradient(found)
    _follow_training(found)
    return in_order(found)


def _follow_signal(found, order):
    """Units are dead behind a constant because of it."""
    for still in (finding for finding in found if finding.code == ConstantOutput.code):
        behind = order[order.index(still.layer) + 1 :] if still.layer in order else []
        dead = [f for f in found if f.code == DeadStart.code and f.layer in behind]
        cut = [f for f in found if f.code in _WITHOUT_GRADIENT and f.layer in behind]
        for finding in dead and dead + cut:
            finding.cause = f"{still.code} {still.layer}"


def _follow_explosion(found):
    """A loss overflows by outputs that have grown; what it computes of them is sound."""
    grown = [f for f in found if f.code == ExplodingSignal.code]
    for finding in found if grown else []:
        if finding.code == NonfiniteLoss.code and "overflow of" in finding.message:
            finding.cause = f"{grown[0].code} {grown[0].weight or grown[0].layer}"


def _follow_softmax(found, evidence):
    """A softmax over a single entry is constant because of that, unless it ends the model."""
    alone = {layer for layer, _ in evidence.alone} - {made.layer for made in evidence.losses_of}
    lost = [f for f in found if f.code == NoGradient.code]
    for finding in found if lost else []:
        if finding.code == ConstantOutput.code and finding.layer in alone:
            finding.cause = f"{lost[0].code} {lost[0].weight}"


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
    for made, own in zip(evidence.computed, _of(found, ComputedOnce), strict=True):
        paths = {record.path for record in made.records}
        for finding in found:
            fault = evidence.faults.get(finding.stage)
            freed = finding.code == ModelFails.code and fault is not None and is_of_graph(fault)
            lost = finding.code == NoGradient.code and finding.weight in paths
            plain = finding.code == NotAVariable.code and finding.layer == made.holder.name
            if not finding.cause and (freed or lost or plain):
                finding.cause = f"{own.code} {own.weight}"


def _of(found, rule):
    return [finding for finding in found if finding.code == rule.code]


def _follow_constraint(found):
    """What is finite until a constraint has made NaN of a weight follows from that."""
    made = next((f for f in found if f.code == ConstraintMakesNan.code), None)
    broken = [f for f in found if f.code in _BROKEN]
    if made is not None and not any(f.stage in _FIRST for f in broken):
        for finding in broken:
            finding.cause = f"{made.code} {made.weight}"


def _follow_undone(found):
    """Where a weight starts is of no matter if it can not move from where it is put."""
    undone = {f.weight: f for f in found if f.code == UpdateUndone.code}
    for finding in found:
        own = undone.get(finding.weight) if finding.code in _BY_START else None
        if own is None and finding.code == LossGrows.code and undone:
            own = next(iter(undone.values()))
        if own is not None:
            finding.cause = f"{own.code} {own.weight}"


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


def _follow_gradient(found):
    """What the weights make of the batch once their first gradient was NaN follows from that."""
    lost = [f for f in found if f.code == NonfiniteGradient.code and f.stage == "gradients"]
    for finding in found if lost else []:
        if finding.code in _BROKEN and finding.stage not in _FIRST:
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


def _harms(finding):
    """Whether a finding tells of harm to training, which a start inside may be no cure of."""
    if finding.code not in _BEFORE_HARM:
        return True
    tried = finding.treatment
    return finding.code != NotSaved.code and tried is not None and not tried.healed


def rules_of(trial: str) -> list[Rule]:
    """The rules that name what a trial has shown."""
    return [rule for rule in RULES if isinstance(rule, _TRIALS[trial])]


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Causes before consequences: errors first, faults of constraints before those of the run.

    What was found to follow from another finding stands behind it.
    """
    place = {rule.code: index for index, rule in enumerate(RULES)}
    run = place[ModelFails.code]
    found = list(found)

    def own(finding):
        at = place[finding.code]
        stage = finding.stage if finding.stage in _STAGES else _STAGES[0]
        return (min(at, run), _STAGES.index(stage) if at >= run else 0, at)

    causes = [finding for finding in found if not cause_of(finding, found)]
    following = {id(cause): [f for f in found if cause_of(f, found) is cause] for cause in causes}

    def level(finding):
        group = [finding, *following[id(finding)]]
        least = min(_LEVELS.index(one.level) for one in group)
        # What harms training comes before how a constraint is saved.
        harm = [f for f in found if f.counts and _harms(f)]
        if finding.code == NotSaved.code and harm:
            return max(least, min(_LEVELS.index(f.level) for f in harm))
        return least

    ordered = []
    for cause in sorted(causes, key=lambda one: (level(one), own(one))):
        ordered += [cause, *sorted(following[id(cause)], key=own)]
    return ordered
