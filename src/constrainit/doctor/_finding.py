"""What the doctor says."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from constrainit._words import listed
from constrainit.doctor._frames import Source

LEVELS = ("error", "warning", "info")

_NAMED = 2
"""So many other weights of one class are named; the others are counted."""


@dataclass
class Treatment:
    """A change that was tried on a copy, and what the probe measured then.

    Attributes:
        change: What was changed, in one sentence.
        before: The numbers of the finding.
        after: The same numbers after the change.
        healed: Whether the finding was gone and nothing new at warning level or above had come.
        code: The change as code to paste, where there is such, with `import constrainit as ci`.
        diff: The change to the user's own file, as a unified diff, where it is one.
        note: What is to be known of it besides, in one sentence, such as along which axis it works.
    """

    change: str
    before: dict[str, Any]
    after: dict[str, Any]
    healed: bool
    code: str = ""
    diff: str = ""
    note: str = ""


@dataclass
class Finding:
    """One thing that is wrong, where, the number that shows it, and what to do.

    Attributes:
        code: Stable code of the rule, for example CW101.
        name: Name of the rule, for example infeasible-start.
        level: error, warning or info.
        stage: The stage at which it shows.
        layer: Name of the layer, or an empty string for the model.
        weight: Path of the variable, or an empty string.
        message: What is wrong, with the number.
        fix: What to write instead.
        evidence: The numbers.
        source: The user's own line, where one is known.
        treatment: What was tried, where there is something to try.
        cause: The code and the place of the finding that it follows from: it was gone when that
            one was treated. An empty string if it is a cause itself, or nothing is known.
        others: The same of other weights, where one class is at fault in all of them.
        harms: Whether it was seen to harm training, of what may be found of sound models.
    """

    code: str
    name: str
    level: str
    stage: str
    layer: str
    weight: str
    message: str
    fix: str
    evidence: dict[str, Any] = field(default_factory=dict)
    source: Source | None = None
    treatment: Treatment | None = None
    cause: str = ""
    others: tuple["Finding", ...] = ()
    harms: bool = False

    @property
    def layers(self) -> set[str]:
        """Names of the layers that it is told of."""
        return {self.layer, *(other.layer for other in self.others)}

    @property
    def weights(self) -> set[str]:
        """Paths of the weights that it is told of."""
        return {self.weight, *(other.weight for other in self.others)}

    @property
    def counts(self) -> bool:
        """Whether it is at warning level or above."""
        return self.level != "info"


def cause_of(finding: Finding, found: Iterable[Finding]) -> Finding | None:
    """The finding that another one follows from in the end, if it is there; None in a circle."""
    found, one, passed = list(found), finding, {id(finding)}
    while one.cause:
        code, _, where = one.cause.partition(" ")
        named = [f for f in found if f.code == code and (f.weight or f.layer) == where]
        named = [f for f in named if f is not one]
        if not named:
            break
        # Of two of the same rule and place, the one that follows from nothing.
        one = min(named, key=lambda f: bool(f.cause))
        if id(one) in passed:
            return None
        passed.add(id(one))
    return None if one is finding else one


def of_classes(found: Iterable[Finding], codes: Iterable[str]) -> list[Finding]:
    """The findings, those that tell the same of several weights as one that names the others.

    Args:
        found: All of them, in their order.
        codes: The rules whose cause is a class, and no weight.
    """
    kept: dict[Any, list[Finding]] = {}
    for finding in found:
        tried = finding.treatment
        outcome = tried and (tried.change, tried.code, tried.diff, tried.healed, tried.note)
        same = (finding.code, finding.level, finding.message, finding.fix, finding.cause, outcome)
        kept.setdefault(same if finding.code in codes else id(finding), []).append(finding)
    first_of = {}
    for first, *others in kept.values():
        if others:
            first.others = tuple(others)
            names = [other.weight or other.layer for other in others]
            first.message += f"; so it is for {listed(names, _NAMED)}"
        for other in others:
            first_of[f"{other.code} {other.weight or other.layer}"] = first
    left = [one[0] for one in kept.values()]
    for finding in left:
        own = first_of.get(finding.cause)
        finding.cause = f"{own.code} {own.weight or own.layer}" if own else finding.cause
    return left


def grouped(found: Iterable[Finding]) -> list[tuple[Finding, list[Finding]]]:
    """The findings that are causes, each with those that follow from it, in their order."""
    found = list(found)
    groups = {id(f): (f, []) for f in found if cause_of(f, found) is None}
    for finding in found:
        cause = cause_of(finding, found)
        if cause is not None:
            groups[id(cause)][1].append(finding)
    return list(groups.values())
