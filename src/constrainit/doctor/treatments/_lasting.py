"""Whether a cure is one: asked only of a change that is about to be claimed.

What was at fault must not come back: not as training goes on, not where a penalty pulls the
weights to, and not as a model that gives nothing any more.
"""

import keras
import numpy as np

from constrainit.doctor._finding import Finding
from constrainit.doctor._penalty import falls
from constrainit.doctor._undone import ENOUGH
from constrainit.doctor.rules._following import FIRST
from constrainit.doctor.rules._following_roots import BROKEN
from constrainit.doctor.rules._symptoms import diverges
from constrainit.doctor.treatments._ends import (
    FARTHER,
    MOST_STEPS,
    ends_above,
    more_steps,
    slower,
    stands_still,
)
from constrainit.doctor.treatments._falling import (
    fallen_by,
    falls_to_its_end,
    takes_more,
    trains,
)
from constrainit.doctor.treatments._farther import Farther
from constrainit.doctor.treatments._longer_steps import outrun
from constrainit.doctor.treatments._remedy import Look, Remedy, is_good, key

LATER = "it only takes longer, "
"""How a reason begins why a lower rate is no cure."""

_ABOUT = 3.0

_BY_TRAINING = ("CW302", "CW401", "CW501", "CW502", "CW505", "CW508")

_OF_SIGNAL = ("CW402", "CW403", "CW405", "CW504")

_OF_LOSS = ("CW305", "CW409")
"""What is told by a change of the training alone: its cure has to show in the loss."""

_UNMOVED, _BEGINNING = ("CW212", "CW506"), 3
"""What is told of weights that no step moves; a loss more than steps, and two that begin."""

_BY_LOSS = ("CW212", "CW610")
"""What leaves a training that falls well short of what another set lets it reach."""

_OF_REACH = ("CW605",)
"""What is told of outputs that can not be as far as the targets: farther, they fit better."""

_HIGHER = 10.0

_TWICE = 2.0
"""The same for biases that do not start at zero, which a person has chosen."""

_FAR_ABOVE = 1e3
"""A cure may begin higher, where nothing came out before; not by orders of magnitude."""

_LEAST = 0.1
"""The same of a loss that was next to nothing."""

_MUTED = 1e-3
"""A model whose output varies by less than this share of what it did has lost its signal."""

_LOUD = 1e3
"""From this magnitude on, outputs are meant to become smaller."""


def confirmed(
    remedy: Remedy,
    farther: Farther,
    wanted: list[Finding],
    found: list[Finding],
    after: Look,
) -> Look:
    """What was seen after a change, with the reason why it is no cure, if it seemed to be one."""
    problem, evidence = farther.problem, farther.evidence
    if not is_good(wanted, after, found, brings=remedy.brings):
        return after
    doubt = _of_penalty(remedy, evidence) or _muted(evidence, after) or _unlearnt(wanted, after)
    doubt = doubt or _far_above(problem, evidence, after)
    now = after.evidence.losses
    doubt = doubt or _taken_back(wanted, after) or _hardly_varies(wanted, after)
    if not doubt and remedy.trains and not falls_to_its_end(after.evidence):
        doubt = "the loss does not fall"
    if not doubt and remedy.moves:
        given = any(finding.weight.endswith("/bias") for finding in wanted)
        doubt = _worse(evidence.losses, now, _TWICE if given else _HIGHER)
    asks = remedy.moves or remedy.factor < 1 or any(f.code in _OF_LOSS for f in wanted)
    if not doubt and asks and not _revived(evidence, after.evidence):
        doubt = _no_better(remedy, farther, wanted, now)
    compared = remedy.trial == "data" and _has_same_loss(problem, after.changed.problem or problem)
    if not doubt and (remedy.trial == "rate" or compared):
        doubt = slower(remedy, farther, wanted, now) or stands_still(remedy, farther, wanted, now)
    if not doubt and after.changed.problem is not None and any(f.code in _BY_LOSS for f in wanted):
        doubt = _as_before(remedy, farther, wanted, now, takes_more)
    reaches = remedy.trains and any(f.code in _OF_REACH for f in wanted)
    if not doubt and reaches and _has_same_loss(problem, after.changed.problem or problem):
        doubt = ends_above(remedy, farther, wanted, now)
    if not doubt and remedy.longer:
        other = after.changed.problem or problem
        doubt = outrun(remedy, farther, wanted, _has_same_loss(problem, other))
    asked = _is_asked(remedy, wanted) or _is_whole_again(found, after)
    if not doubt and asked and problem.is_small:
        doubt = _later(remedy, farther, wanted)
    return after.doubted(doubt) if doubt else after


def _is_asked(remedy, wanted):
    return remedy.factor < 1 or any(finding.code in _BY_TRAINING for finding in wanted)


def _is_whole_again(found, after):
    """Whether what is not finite in training without a change is gone with it."""
    now = {f.code for f in after.found}
    return any(f.code in BROKEN and f.stage not in FIRST for f in found) and now.isdisjoint(BROKEN)


def _later(remedy, farther, wanted):
    """What goes wrong again in more steps; a lower rate needs as many more as it is lower."""
    steps = more_steps(remedy, farther)
    further = farther.treated(remedy, wanted, steps)
    if further is None:
        return ""
    later = further.evidence
    if later.fault_step is not None:
        late = _is_delayed(remedy, farther.evidence, later)
        return f"{LATER if late else ''}not finite again at step {later.fault_step}"
    if diverges(later):
        return f"the loss grows to {later.losses[-1]:.3g} in {steps} steps"
    # Units may die in a training that is sound, and be no reason to doubt it.
    broken = [f for f in wanted if f.code in _BY_TRAINING] or wanted
    back = {key(f) for f in further.found if f.counts} & {key(f) for f in broken}
    return f"the same again after {steps} steps" if back else ""


def _is_delayed(remedy, evidence, later):
    """Whether steps that are so much shorter fail after as many more of them."""
    if remedy.factor == 1 or not evidence.fault_step:
        return False
    return 1 / _ABOUT < later.fault_step * remedy.factor / evidence.fault_step < _ABOUT


def _of_penalty(remedy, evidence):
    """Whether weights are only moved away from where a penalty on them pulls them."""
    operation = evidence.operation
    if not remedy.moves or operation is None or operation.layer:
        return ""
    if operation.stage not in ("loss", "gradients"):
        return ""
    known = [operand for operand in operation.operands if operand.weights]
    alone = bool(known) and not any(operand.data for operand in operation.operands)
    return "the penalty that fails there pulls the weights back" if alone else ""


def _unlearnt(wanted, after):
    """Whether a weaker penalty leaves the loss of the data as it is."""
    asked = any(f.code == "CW609" for f in wanted) and len(after.evidence.penalties) > 1
    stays = asked and not falls(after.evidence)
    return "the loss of the data does not fall either" if stays else ""


def _taken_back(wanted, after):
    """Whether weights that were not moved still are not: of each step, but the first, is left none.

    What a weight moves is compared with what it would without its constraint, and not with nothing:
    rounding moves it, and the first step may bring it into its set.
    """
    paths = {finding.weight for finding in wanted if finding.code in _UNMOVED}
    steps = max(len(after.evidence.losses) - _BEGINNING, ENOUGH)
    for made in after.evidence.constraints:
        if made.record.path in paths and made.alike >= steps:
            return f"its constraint takes back all that each of {made.alike} steps moves"
    return ""


def _hardly_varies(wanted, after):
    """Whether a constant output varies by more than rounding, and by no more than that matters."""
    layers = {finding.layer for finding in wanted if finding.code == "CW405"}
    seen = [*after.evidence.outputs, *after.evidence.outputs_last]
    shares = [one.spread / max(one.peak, 1e-30) for one in seen if one.layer in layers]
    most = max(shares, default=1.0)
    return f"it varies by {most:.2g} of its size" if most < _MUTED else ""


def _far_above(problem, evidence, after):
    """Whether the same loss of the same data is larger by orders of magnitude."""
    other = after.changed.problem or problem
    if not _has_same_loss(problem, other):
        return ""
    before, now = evidence.losses[:1], after.evidence.losses
    if not (before and now and np.isfinite([before[0], now[0], now[-1]]).all()):
        return ""
    most = _FAR_ABOVE * max(abs(before[0]), _LEAST)
    for said, loss in (("starts", now[0]), ("ends", now[-1])):
        if loss > most:
            return f"the loss {said} at {loss:.3g}, where it was {before[0]:.3g}"
    return ""


def _has_same_loss(problem, other):
    """Whether two problems have the same targets and loss, so that their losses can be compared."""
    parts = [keras.tree.flatten(one.y) for one in (problem, other)]
    same = all(a is b for a, b in zip(*parts, strict=False))
    return same and other.given_loss is problem.given_loss


def _worse(before, now, factor):
    """Whether another start only begins where the old one went."""
    if not (len(before) > 1 and len(now) > 1 and np.isfinite([before[0], *now]).all()):
        return ""
    if now[0] > factor * abs(before[0]) and now[-1] > before[0]:
        return f"the loss starts at {now[0]:.3g} in place of {before[0]:.3g}"
    return ""


def _revived(evidence, after):
    """Whether weights get a gradient that got none."""
    still = {made.record.path for made in evidence.gradients if made.never}
    return any(made.norm and made.record.path in still for made in after.gradients)


def _no_better(remedy, farther, wanted, now):
    """Whether a signal is there again that the loss falls no better with, in more steps, too."""
    signal = all(finding.code in (*_OF_SIGNAL, *_OF_LOSS) for finding in wanted)
    return _as_before(remedy, farther, wanted, now, trains) if signal else ""


def _as_before(remedy, farther, wanted, now, better):
    """Whether the loss falls no better, in more steps, too."""
    problem = farther.problem
    if not (problem.is_small and farther.evidence.losses and now):
        return ""
    if better(farther.evidence.losses, now):
        return ""
    steps = farther.budget.longer(min(problem.steps * FARTHER, MOST_STEPS))
    untreated, further = farther.untreated(steps), farther.treated(remedy, wanted, steps)
    if further is None or better(untreated.losses, further.evidence.losses):
        return ""
    return f"the loss falls by {fallen_by(further.evidence.losses):.1%} in {steps} steps, as before"


def _muted(evidence, after):
    """Whether the model's output has all but stopped to vary, that of a sound model before."""
    before, now = evidence.outputs, after.evidence.outputs
    if not before or not now or not evidence.varies:
        return ""
    if any(output.nonfinite or output.peak > _LOUD for output in before):
        return ""
    then, still = before[-1].spread, now[-1].spread
    if not still < _MUTED * min(then, 1.0):
        return ""
    return f"the output varies by {still:.2g} in place of {then:.2g}"
