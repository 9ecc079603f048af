"""Treatments: what there is for the findings is tried, and the smallest change that heals wins."""

from constrainit.doctor._evidence import Evidence, Trial
from constrainit.doctor._finding import Finding
from constrainit.doctor._problem import Problem
from constrainit.doctor.rules import in_order, rules_of
from constrainit.doctor.rules.cw615_learning_rate_too_low import (
    LearningRateTooLow,
    without_refused,
)
from constrainit.doctor.treatments import training
from constrainit.doctor.treatments._apart import by_constraint
from constrainit.doctor.treatments._budget import Budget
from constrainit.doctor.treatments._chain import Attempt, Chains, taken_away
from constrainit.doctor.treatments._either import told_beside
from constrainit.doctor.treatments._ends import SLOWER
from constrainit.doctor.treatments._farther import Farther
from constrainit.doctor.treatments._follow import follow
from constrainit.doctor.treatments._lasting import LATER, confirmed
from constrainit.doctor.treatments._remedies import REMEDIES
from constrainit.doctor.treatments._remedy import Healing, Look, Remedy, key, look, write
from constrainit.doctor.treatments._rewriting import registered_as_before


def treat(problem: Problem, evidence: Evidence, found: list[Finding]) -> list[Healing]:
    """Tries what there is for the findings and writes the result into them; returns what healed.

    What is gone after something else was treated is its consequence, and is not treated itself.
    A remedy outside of the model, such as another learning rate, adds the finding that names it.
    """
    with registered_as_before():
        healings = _treat(problem, evidence, found)
    found[:] = in_order(found)
    return healings


def _treat(problem, evidence, found):
    healings, attempts, later = [], [], False
    budget = Budget(problem)
    farther = Farther(problem, evidence, budget)
    for remedy, wanted in _tries(problem, found):
        by_rate = remedy.trial == "rate"
        if by_rate and (later or not _is_training(wanted, evidence)):
            continue
        if budget.is_spent:
            budget.leave_out(remedy, problem, evidence, wanted)
            continue
        after = look(remedy, problem, evidence, wanted)
        if after is None:
            continue
        budget.spend(after.evidence)
        after = confirmed(remedy, farther, wanted, found, after)
        later |= by_rate and after.doubt.startswith((LATER, SLOWER))
        if not write(wanted, after, found, brings=remedy.brings):
            attempts.append(Attempt(((remedy, evidence, wanted),), after))
            continue
        told_beside(remedy, farther, wanted, found)
        healings.append(Healing(remedy, wanted, after.changed.change))
        cause = next(f for f in wanted if f.treatment is not None and f.treatment.healed)
        # What fails in the user's own code is named there, whatever else makes up for it.
        if remedy.trial and training.is_better(after.evidence) and not _is_located(evidence):
            cause = _named(remedy, after, evidence, found) or cause
            healings = _without_lesser(healings, by_rate)
        follow(cause, found, after)
    healings += _in_turn(farther, found, attempts)
    for finding in found:
        if finding.code == LearningRateTooLow.code and finding.treatment and _open(finding):
            finding.fix = without_refused(finding)
    budget.say()
    return healings


def _tries(problem, found):
    """Each remedy with the open findings that it is for: all, then those of each constraint."""
    for remedy in REMEDIES:
        wanted = _wanted(remedy, found)
        if not wanted:
            continue
        yield remedy, wanted
        groups = by_constraint(problem, wanted) if remedy.apart else []
        for group in groups if len(groups) > 1 else []:
            still = [finding for finding in group if finding in _wanted(remedy, found)]
            if still:
                yield remedy, still


def _wanted(remedy, found):
    return [f for f in found if f.code in remedy.codes and f.counts and _open(f)]


def _in_turn(farther, found, attempts):
    """What heals together with what one change has uncovered, where none heals alone."""
    healings, chains = [], Chains(farther.problem, farther.evidence, REMEDIES, farther.budget)
    gone = [(attempt, _taken_away(attempt)) for attempt in attempts]
    for attempt, wanted in sorted(gone, key=lambda pair: min(map(found.index, pair[1]), default=0)):
        wanted = [finding for finding in wanted if _open(finding)]
        done = chains.extend(attempt, wanted, {f.code for f in found}) if wanted else None
        if done is None:
            continue
        whole, after = done
        after = confirmed(whole.remedy, farther, wanted, found, after)
        # What a later step was for is no consequence of what the first one was for.
        wanted += [f for f in found if key(f) in whole.asked and _open(f) and f not in wanted]
        if not write(wanted, after, found, brings=whole.remedy.brings):
            continue
        healings.append(Healing(whole.remedy, wanted, after.changed.change))
        own = [f for f in wanted if f.treatment is not None and f.treatment.healed]
        follow(own[0], found, after)
        for finding in own:
            finding.cause = ""
    return healings


def _taken_away(attempt):
    """The findings that are gone, or others, after the first step of an attempt."""
    ((remedy, _, before),) = attempt.steps
    return [] if remedy.trial else taken_away(before, attempt.after)


def _without_lesser(healings, by_rate):
    """Without rates that only kept the numbers finite, once there is one that trains."""
    lesser = [one for one in healings[:-1] if by_rate and one.remedy.trial == "rate"]
    for healing in lesser:
        for finding in healing.wanted:
            finding.treatment = None
    return [one for one in healings if one not in lesser]


def _open(finding):
    healed = finding.treatment is not None and finding.treatment.healed
    return not healed and not finding.cause


def _is_training(wanted, evidence):
    """Whether something only went wrong as the weights moved."""
    return evidence.fault_step != 0 and any(
        f.stage in ("second forward", "training") for f in wanted
    )


def _is_located(evidence):
    return evidence.operation is not None and evidence.operation.source is not None


def _named(remedy: Remedy, after: Look, evidence: Evidence, found: list[Finding]):
    """The finding that names what a trial has shown, put among the others."""
    numbers = {} if after.evidence.rate is None else {"rate": after.evidence.rate}
    evidence.trials[remedy.trial] = Trial(after.changed.change, after.evidence, numbers)
    known = {key(f) for f in found}
    new = [f for rule in rules_of(remedy.trial) for f in rule.find(evidence) if key(f) not in known]
    for finding in new:
        write([finding], after, found)
        found.append(finding)
    return new[0] if new else None
