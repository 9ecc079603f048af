"""The rules, in the order of cause before consequence."""

from collections.abc import Iterable

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._finding import Finding
from constrainit.doctor.rules.cw001_model_fails import ModelFails
from constrainit.doctor.rules.cw101_infeasible_start import InfeasibleStart
from constrainit.doctor.rules.cw102_start_jump import StartJump
from constrainit.doctor.rules.cw103_nonfinite_start import NonfiniteStart
from constrainit.doctor.rules.cw201_constraint_raises import ConstraintRaises
from constrainit.doctor.rules.cw202_wrong_shape import WrongShape
from constrainit.doctor.rules.cw203_wrong_dtype import WrongDtype
from constrainit.doctor.rules.cw204_constraint_makes_nan import ConstraintMakesNan
from constrainit.doctor.rules.cw205_not_a_projection import NotAProjection
from constrainit.doctor.rules.cw206_constraint_never_runs import ConstraintNeverRuns
from constrainit.doctor.rules.cw207_not_deterministic import NotDeterministic
from constrainit.doctor.rules.cw208_not_saved import NotSaved
from constrainit.doctor.rules.cw209_not_attached import NotAttached
from constrainit.doctor.rules.cw301_wrong_axis import WrongAxis
from constrainit.doctor.rules.cw401_nonfinite_forward import NonfiniteForward
from constrainit.doctor.rules.cw402_saturated_start import SaturatedStart
from constrainit.doctor.rules.cw403_dead_start import DeadStart
from constrainit.doctor.rules.cw501_nonfinite_gradient import NonfiniteGradient
from constrainit.doctor.rules.cw502_nonfinite_loss import NonfiniteLoss

_STAGES = ("build", "forward", "loss", "gradients", "second forward", "save and load")

RULES = (
    NonfiniteStart(), ConstraintNeverRuns(), ConstraintRaises(), WrongShape(), WrongDtype(),
    ConstraintMakesNan(), NotDeterministic(), NotAProjection(), NotAttached(), WrongAxis(),
    InfeasibleStart(), StartJump(), ModelFails(), NonfiniteForward(), NonfiniteGradient(),
    NonfiniteLoss(), SaturatedStart(), DeadStart(), NotSaved(),
)  # fmt: skip


def findings(evidence: Evidence) -> list[Finding]:
    """What every rule finds, causes first."""
    return in_order(finding for rule in RULES for finding in rule.find(evidence))


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Causes before consequences: faults of constraints, then of the run as it went on."""
    place = {rule.code: index for index, rule in enumerate(RULES)}
    run = place[ModelFails.code]

    def key(finding):
        at = place[finding.code]
        return (min(at, run), _STAGES.index(finding.stage) if at >= run else 0, at)

    return sorted(found, key=key)
