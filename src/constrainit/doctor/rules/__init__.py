"""The rules, in the order of cause before consequence."""

from collections.abc import Iterable

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._finding import Finding, cause_of
from constrainit.doctor.rules._following import follow
from constrainit.doctor.rules._rule import Rule
from constrainit.doctor.rules._symptoms import rises
from constrainit.doctor.rules.cw001_model_fails import ModelFails
from constrainit.doctor.rules.cw101_infeasible_start import InfeasibleStart
from constrainit.doctor.rules.cw102_start_jump import StartJump
from constrainit.doctor.rules.cw103_nonfinite_start import NonfiniteStart
from constrainit.doctor.rules.cw104_lost_half import LostHalf
from constrainit.doctor.rules.cw105_identical_units import IdenticalUnits
from constrainit.doctor.rules.cw106_identical_weights import IdenticalWeights
from constrainit.doctor.rules.cw107_same_coordinates import SameCoordinates
from constrainit.doctor.rules.cw201_constraint_raises import ConstraintRaises
from constrainit.doctor.rules.cw202_wrong_shape import WrongShape
from constrainit.doctor.rules.cw203_wrong_dtype import WrongDtype
from constrainit.doctor.rules.cw204_constraint_makes_nan import ConstraintMakesNan
from constrainit.doctor.rules.cw205_not_a_projection import NotAProjection
from constrainit.doctor.rules.cw206_constraint_never_runs import ConstraintNeverRuns
from constrainit.doctor.rules.cw207_not_deterministic import NotDeterministic
from constrainit.doctor.rules.cw208_not_saved import NotSaved, is_lost
from constrainit.doctor.rules.cw209_not_attached import NotAttached
from constrainit.doctor.rules.cw210_inexact_constraint import InexactConstraint
from constrainit.doctor.rules.cw211_signed_sum import SignedSum
from constrainit.doctor.rules.cw212_update_undone import UpdateUndone
from constrainit.doctor.rules.cw213_no_member import NoMember
from constrainit.doctor.rules.cw214_bounded_twice import BoundedTwice
from constrainit.doctor.rules.cw215_leaping_constraint import LeapingConstraint
from constrainit.doctor.rules.cw216_sum_leaves_set import SumLeavesSet
from constrainit.doctor.rules.cw217_binds_one_unit import BindsOneUnit
from constrainit.doctor.rules.cw218_binds_nothing import BindsNothing
from constrainit.doctor.rules.cw219_optimizer_skips_constraints import (
    OptimizerSkipsConstraints,
)
from constrainit.doctor.rules.cw220_constraint_after_trace import ConstraintAfterTrace
from constrainit.doctor.rules.cw221_shared_statistics import SharedStatistics
from constrainit.doctor.rules.cw222_late_statistics import LateStatistics
from constrainit.doctor.rules.cw223_unfit_normalization import UnfitNormalization
from constrainit.doctor.rules.cw224_bound_too_narrow import BoundTooNarrow
from constrainit.doctor.rules.cw225_mask_beside_softmax import MaskBesideSoftmax
from constrainit.doctor.rules.cw226_order_against_data import OrderAgainstData
from constrainit.doctor.rules.cw301_wrong_axis import WrongAxis
from constrainit.doctor.rules.cw302_undefined_at_bound import UndefinedAtBound
from constrainit.doctor.rules.cw303_average_outside import AverageOutside
from constrainit.doctor.rules.cw304_quantized_away import QuantizedAway
from constrainit.doctor.rules.cw305_average_overwrites import AverageOverwrites
from constrainit.doctor.rules.cw306_computed_once import ComputedOnce
from constrainit.doctor.rules.cw307_written_over import WrittenOver
from constrainit.doctor.rules.cw308_zero_divisor import ZeroDivisor
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
from constrainit.doctor.rules.cw412_beyond_range import BeyondRange
from constrainit.doctor.rules.cw413_hidden_weights import HiddenWeights
from constrainit.doctor.rules.cw414_fractional_index import FractionalIndex
from constrainit.doctor.rules.cw415_examples_mixed import ExamplesMixed
from constrainit.doctor.rules.cw416_sharp_softmax import SharpSoftmax
from constrainit.doctor.rules.cw417_reshaped_axes import ReshapedAxes
from constrainit.doctor.rules.cw418_differs_in_prediction import DiffersInPrediction
from constrainit.doctor.rules.cw419_backwards_steps import BackwardsSteps
from constrainit.doctor.rules.cw501_nonfinite_gradient import NonfiniteGradient
from constrainit.doctor.rules.cw502_nonfinite_loss import NonfiniteLoss
from constrainit.doctor.rules.cw503_no_gradient import NoGradient
from constrainit.doctor.rules.cw504_fading_gradient import FadingGradient
from constrainit.doctor.rules.cw505_loss_grows import LossGrows
from constrainit.doctor.rules.cw506_lost_update import LostUpdate
from constrainit.doctor.rules.cw507_rounding import Rounding
from constrainit.doctor.rules.cw508_epsilon_underflows import EpsilonUnderflows
from constrainit.doctor.rules.cw509_no_second_derivative import NoSecondDerivative
from constrainit.doctor.rules.cw510_stuck_at_bound import StuckAtBound
from constrainit.doctor.rules.cw511_loss_outweighed import LossOutweighed
from constrainit.doctor.rules.cw512_learns_otherwise import LearnsOtherwise
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
from constrainit.doctor.rules.cw615_learning_rate_too_low import LearningRateTooLow
from constrainit.doctor.rules.cw616_sum_below_zero import SumBelowZero
from constrainit.doctor.rules.cw617_frozen_above import FrozenAbove
from constrainit.doctor.rules.cw618_loss_left_out import LossLeftOut
from constrainit.doctor.rules.cw619_target_bends_down import TargetBendsDown
from constrainit.doctor.rules.cw701_own_step_breaks import OwnStepBreaks
from constrainit.doctor.rules.cw702_step_trains_nothing import StepTrainsNothing
from constrainit.doctor.rules.cw703_step_leaves_set import StepLeavesSet
from constrainit.doctor.rules.cw704_gradients_add_up import GradientsAddUp
from constrainit.doctor.rules.cw705_layer_not_saved import LayerNotSaved
from constrainit.doctor.rules.cw706_state_not_saved import StateNotSaved
from constrainit.doctor.rules.cw707_clipped_normalization import ClippedNormalization

_STAGES = (
    "build", "forward", "loss", "gradients", "second forward", "training", "save and load",
)  # fmt: skip
_LEVELS = ("error", "warning", "info")

RULES = (
    NonfiniteData(), NonfiniteStart(), ConstraintNeverRuns(), ConstraintRaises(), WrongShape(),
    WrongDtype(), ConstraintMakesNan(), NotDeterministic(), NotAProjection(), SignedSum(),
    NoMember(), UpdateUndone(), LeapingConstraint(), InexactConstraint(), ForeignOptimizer(),
    OptimizerSkipsConstraints(), ConstraintAfterTrace(), NotAttached(), QuantizedAway(),
    MadeInCall(), WrittenOver(),
    ComputedOnce(), NotAVariable(),
    HiddenWeights(), CopiedNotTied(), IndexBeyondTable(),
    FractionalIndex(), FrozenAbove(), LossLeftOut(), UnfitNormalization(), ExamplesMixed(),
    WrongAxis(), BindsOneUnit(),
    BindsNothing(), WrongLoss(), TargetOutOfReach(), SumBelowZero(), TargetFalls(),
    TargetBendsDown(),
    BoundedTwice(), RelativeToZero(), UnboundedLoss(), UndefinedAtBound(), EpsilonUnderflows(),
    ZeroDivisor(), LearningRateTooLow(), SumLeavesSet(),
    BeyondRange(), PenaltyOutweighs(), LossOutweighed(), LossSwitchedOff(), AverageOverwrites(),
    UnscaledData(), LearningRateTooHigh(), FadingRate(), ScheduleEndsEarly(), DropoutRate(),
    Rounding(), NoSecondDerivative(), AssignedInCall(), SharedStatistics(), GradientsAddUp(),
    DiffersInPrediction(),
    BackwardsSteps(),
    MaskBesideSoftmax(),
    SharpSoftmax(), ReshapedAxes(), SameCoordinates(), BoundTooNarrow(), OrderAgainstData(),
    MutedSignal(),
    StepLeavesSet(), ClippedNormalization(),
    AverageOutside(), InfeasibleStart(), IdenticalUnits(), IdenticalWeights(), LostHalf(),
    StartJump(),
    ModelFails(), NonfiniteForward(), NonfiniteGradient(), NonfiniteLoss(), OwnStepBreaks(),
    StepTrainsNothing(), ExplodingSignal(), SaturatedStart(), DeadStart(), StuckAtBound(),
    NoGradient(), ConstantOutput(), FadingGradient(), LostUpdate(), LossGrows(), LateStatistics(),
    LearnsOtherwise(),
    NotSaved(),
    LayerNotSaved(), StateNotSaved(),
)  # fmt: skip

_TRIALS = {"rate": (LearningRateTooHigh,), "data": (UnscaledData,)}


_OF_SAVING = (NotSaved.code, LayerNotSaved.code, StateNotSaved.code)
_OF_STARTS = (InfeasibleStart.code, StartJump.code, LostHalf.code)
_BEFORE_HARM = (*_OF_SAVING, *_OF_STARTS, InexactConstraint.code)
"""What may be found of a model that trains well."""


def findings(evidence: Evidence) -> list[Finding]:
    """What every rule finds, causes first."""
    found = [finding for rule in RULES for finding in rule.find(evidence)]
    follow(found, evidence)
    for finding in found if rises(evidence) else []:
        finding.harms = finding.code in _OF_STARTS and finding.counts
    return in_order(found)


OF_CLASSES = tuple(rule.code for rule in RULES if rule.of_class)


def tells_of_harm(finding: Finding) -> bool:
    """Whether a finding tells of harm to training, which a start inside may be no cure of."""
    if finding.code not in _BEFORE_HARM or finding.harms:
        return True
    tried = finding.treatment
    return finding.code not in _OF_SAVING and tried is not None and not tried.healed


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
    harm = [finding for finding in found if finding.counts and tells_of_harm(finding)]

    def level(finding):
        group = [finding, *following[id(finding)]]
        least = min(_LEVELS.index(one.level) for one in group)
        # What harms training comes before how something is saved.
        if finding.code in _OF_SAVING and harm:
            return max(least, min(_LEVELS.index(f.level) for f in harm))
        return least

    def saved(finding):
        """What can not be loaded comes before a start that does no harm."""
        return harm or not is_lost(finding)

    ordered = []
    for cause in sorted(causes, key=lambda one: (level(one), bool(saved(one)), own(one))):
        ordered += [cause, *sorted(following[id(cause)], key=own)]
    return ordered
