"""The form of a remedy, and trying it: a change to the borrowed model, and the same look again."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._finding import Finding, Treatment
from constrainit.doctor._losses_at import looked
from constrainit.doctor._own_step import has_own_step
from constrainit.doctor._probe import probe
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import borrowed
from constrainit.doctor.rules import findings
from constrainit.doctor.rules._following import BY_JUMP
from constrainit.doctor.rules.cw301_wrong_axis import MEANT, WrongAxis
from constrainit.doctor.treatments._compared import compared

_LOG = logging.getLogger(__name__)

BUT_THEN = " (it is gone then, but there is"
"""Stands behind a change that brings other findings, which it names."""


@dataclass(frozen=True)
class Changed:
    """What a remedy has changed.

    Attributes:
        change: In one sentence.
        problem: The problem to look at, where it is not the one that came.
        code: The same as code to paste, or an empty string.
        diff: The change to the user's own file, or an empty string.
        parts: For a weight by its path: what of it was done for this one.
    """

    change: str
    problem: Problem | None = None
    code: str = ""
    diff: str = ""
    parts: Mapping[str, "Changed"] = field(default_factory=dict)

    def at(self, weight: str) -> "Changed":
        """What was done for a weight: all of it, where it has no part of its own."""
        return self.parts.get(weight, self)

    def leaves_out(self, weight: str) -> bool:
        """Whether each weight has a part of its own, and this one has none."""
        return bool(self.parts) and weight not in self.parts


@dataclass(frozen=True)
class Remedy:
    """Something to try for some findings.

    Attributes:
        codes: The rules whose findings it is for.
        apply: Makes the change, given the problem, its evidence and the findings; None if there is
            nothing to change. The model is borrowed.
        brings: Findings that the way of trying brings with it, not the change itself.
        trial: Under what name the evidence is kept for rules that ask for it.
        saved: Whether a saved model holds the change; one to the user's file or data it does not.
        again: Whether it may be made a second time, at another place.
        moves: Whether it only moves weights, which training may move back.
        factor: By how much it makes the steps of training shorter.
        apart: Whether it mends constraints, and may mend those of one class by themselves.
        trains: Whether it is no cure unless the loss falls then.
        longer: Whether it makes the steps longer, so that they may go wrong later.
        beside: What is told besides where it heals as well, as either may be meant.
    """

    codes: tuple[str, ...]
    apply: Callable[[Problem, Evidence, list[Finding]], Changed | None]
    brings: tuple[str, ...] = ()
    trial: str = ""
    saved: bool = True
    again: bool = False
    moves: bool = False
    factor: float = 1.0
    apart: bool = False
    trains: bool = False
    longer: bool = False
    beside: Callable[[Problem, Evidence, list[Finding]], Changed | None] | None = None


@dataclass(frozen=True)
class Healing:
    """A remedy that healed, the findings that it was tried for, and what it changed."""

    remedy: Remedy
    wanted: list[Finding]
    change: str


def key(finding: Finding) -> tuple[str, str, str]:
    """What a finding is recognized by in another look."""
    return finding.code, finding.weight, finding.layer


@dataclass(frozen=True)
class Look:
    """What was seen after a change.

    Attributes:
        changed: The change.
        evidence: What was measured.
        found: What the rules found in it, while the change was in place.
        doubt: Why it is no cure although what it was for is gone, or an empty string.
        before: What was measured before it, if that is known.
    """

    changed: Changed
    evidence: Evidence
    found: list[Finding]
    doubt: str = ""
    before: Evidence | None = None

    def doubted(self, doubt: str) -> "Look":
        """The same, with the reason why it is no cure."""

        def told(changed):
            return replace(changed, change=f"{changed.change} ({doubt})")

        parts = {weight: told(part) for weight, part in self.changed.parts.items()}
        return replace(self, changed=replace(told(self.changed), parts=parts), doubt=doubt)


def look(
    remedy: Remedy, problem: Problem, evidence: Evidence, wanted: list[Finding]
) -> Look | None:
    """Makes the change of a remedy to the borrowed model and looks again; None if it can not be."""
    with borrowed(problem.model), problem.keeping_optimizer():
        changed = made(remedy, problem, evidence, wanted)
        if changed is None or _loses_its_step(evidence, changed):
            return None
        other = changed.problem or problem
        after = looked(problem, f"what becomes of it where {changed.change}", seen, changed, other)
        return after and replace(after, before=evidence)


def made(
    remedy: Remedy, problem: Problem, evidence: Evidence, wanted: list[Finding]
) -> Changed | None:
    """Makes the change of a remedy to the borrowed model; None if it can not be."""
    try:
        return remedy.apply(problem, evidence, wanted)
    # The finding that asks for it says why.
    except Exception as exception:
        _LOG.debug("no change for %s", ", ".join(remedy.codes), exc_info=exception)
        return None


def _loses_its_step(evidence, changed):
    """Whether the model would be another one, that does not train as its own step does."""
    own = evidence.own is not None and not evidence.own.as_usual
    return own and changed.problem is not None and not has_own_step(changed.problem.model)


def seen(changed: Changed, problem: Problem) -> Look:
    """A look at a problem after a change."""
    with borrowed(problem.model):
        evidence = probe(problem)
        return Look(changed, evidence, findings(evidence))


def write(
    wanted: list[Finding],
    after: Look,
    found: list[Finding],
    alone: bool = True,
    brings: tuple[str, ...] = (),
) -> bool:
    """Puts what a change did into the findings that it was for; whether it healed one.

    With `alone`, a finding is healed only if no rule that found nothing before, but for what
    `brings` names, finds something now.
    """
    now = {key(f): f for f in after.found if f.counts}
    healed = False
    for finding in wanted:
        place = key(finding)
        good = is_good([finding], after, found, alone, brings)
        if finding.treatment is not None and (finding.treatment.healed or not good):
            continue
        # Nothing was tried for it: the changes are those of the others.
        if not good and after.changed.leaves_out(finding.weight):
            continue
        healed |= good
        gone = not good and place not in now and not after.doubt
        there = [*_news(after, found, brings), *_left_of(finding, after, found)]
        came = f"{BUT_THEN} {', '.join(there)})" if gone else ""
        own = after.changed.at(finding.weight)
        still = now[place] if not good and place in now else None
        before, numbers = compared(finding, still, after.before, after.evidence)
        change = f"{own.change}{came}"
        note = _noted(finding, after, found) if good else ""
        finding.treatment = Treatment(change, before, numbers, good, own.code, own.diff, note)
    return healed


def _noted(finding, after, found):
    """That what heals works across the units of the layer, if that was not told before."""
    told = {f.weight for f in found if f.code == WrongAxis.code}
    if MEANT in finding.message or finding.weight in told:
        return ""
    return "; ".join(f"{note.message}; {note.fix}" for note in notes_of_axes(finding, after))


def notes_of_axes(finding: Finding, after: Look) -> list[Finding]:
    """The notes of a look that the weight of a finding has a constraint across units."""
    notes = [f for f in after.found if f.code == WrongAxis.code and not f.counts]
    return [f for f in notes if f.weight == finding.weight]


def is_good(
    wanted: list[Finding],
    after: Look,
    found: list[Finding],
    alone: bool = True,
    brings: tuple[str, ...] = (),
) -> bool:
    """Whether a change heals one of the findings that it was for, as `write` tells it."""
    now = {key(f) for f in after.found if f.counts}
    news = alone and _news(after, found, brings)
    gone = [f for f in wanted if key(f) not in now]
    return not news and not after.doubt and any(not _left_of(f, after, found) for f in gone)


def _left_of(finding, after, found):
    """The codes of what overflows or grows still, though it was to follow from a finding."""
    name, now = f"{finding.code} {finding.weight}", {key(f) for f in after.found if f.counts}
    return sorted(
        {f.code for f in found if f.cause == name and f.code in BY_JUMP and key(f) in now}
    )


def _news(after, found, brings):
    """The codes that nothing had before."""
    known = {*(f.code for f in found), *brings}
    return sorted({f.code for f in after.found if f.counts} - known)


def with_other(problem: Problem, **changed: Any) -> Problem:
    """A problem like another one, but for what is given."""
    given = {
        "model": problem.model, "x": problem.x, "y": problem.y, "loss": problem.given_loss,
        "optimizer": problem.given_optimizer, "seed": problem.seed, "steps": problem.given_steps,
    }  # fmt: skip
    other = Problem(**{**given, **changed})
    kept = {"drawn", "of_file", "late", "loss_weights", "given_y", "came_with", "unread"}
    for name in kept - {f"given_{one}" for one in changed}:
        setattr(other, name, getattr(problem, name))
    return other


def both(first: Any, second: Any) -> Any:
    """Two changes together, for what neither heals alone."""

    def apply(problem, evidence, found):
        one = first(problem, evidence, found)
        if one is None:
            return None
        two = second(one.problem or problem, evidence, found)
        if two is None:
            return None
        pairs = (one.code, two.code), (one.diff, two.diff)
        code, diff = ("\n".join(filter(None, pair)) for pair in pairs)
        return Changed(f"{one.change}, and {two.change}", two.problem or one.problem, code, diff)

    return apply
