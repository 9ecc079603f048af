"""Changes one after another, where the first one uncovers what another one mends."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._finding import Finding
from constrainit.doctor._problem import Problem
from constrainit.doctor.rules.cw201_constraint_raises import ConstraintRaises
from constrainit.doctor.treatments._budget import Budget
from constrainit.doctor.treatments._remedy import Changed, Look, Remedy, key, look
from constrainit.doctor.treatments.starts import DRAWN, MOVED

_LONGEST = 3
_MOST_LOOKS = 8

_OF_ERRORS = (ConstraintRaises.code,)
"""What may be found of the next line where an edit has mended one."""


@dataclass(frozen=True)
class Chain:
    """Changes in turn that heal, as one remedy, and the places of what each was made for."""

    remedy: Remedy
    asked: frozenset[tuple[str, str, str]]


@dataclass(frozen=True)
class Attempt:
    """A remedy that took away a finding and was no cure, as others came.

    Attributes:
        steps: The remedies in turn, each with the evidence and the findings that it was for.
        after: What was seen after them.
    """

    steps: tuple[tuple[Remedy, Evidence, list[Finding]], ...]
    after: Look

    def remedy(self) -> Remedy:
        """All of it as one remedy."""
        remedies = [remedy for remedy, _, _ in self.steps]

        def apply(problem, evidence, found):
            made: list[Changed] = []
            for remedy, seen_before, wanted in self.steps:
                changed = remedy.apply(problem, seen_before, wanted)
                if changed is None:
                    return None
                problem = changed.problem or problem
                made.append(changed)
            return replace(_joined(made), problem=problem, parts=_parts(made))

        return Remedy(
            remedies[0].codes,
            apply,
            brings=tuple(code for remedy in remedies for code in remedy.brings),
            saved=all(remedy.saved for remedy in remedies),
            longer=any(remedy.longer for remedy in remedies),
        )


def _joined(made):
    """Changes as one, without the problem that they end in."""
    diffs = "\n".join(one.diff for one in made if one.diff)
    return Changed(", and ".join(_said(made)), code=_pasted(made), diff=diffs)


def _parts(made):
    """What of all changes was done for each weight, where one of them tells them apart."""
    parts, paths = {}, list(dict.fromkeys(path for one in made for path in one.parts))
    for path in paths:
        own = [one.at(path) for one in made if not one.parts or path in one.parts]
        also = [o for o in paths if any(one.parts.get(o, own[0]) not in own for one in made)]
        joined = _joined(own)
        more = f", together with the change for {' and '.join(also)}" if also else ""
        parts[path] = replace(joined, change=joined.change + more)
    return parts


def _said(made):
    """What each change did; of weights brought inside it is said once, with the last of them."""
    texts = [one.change for one in made]
    for ending in (DRAWN, MOVED):
        places = [place for place, text in enumerate(texts) if text.endswith(ending)]
        for place in places[:-1]:
            texts[place] = texts[place].removesuffix(ending)
    return texts


def _pasted(made):
    """The code of all changes; the weights are brought inside once, by the last line of it."""
    codes = [one.code for one in made if one.code]
    for line in ("ci.prepare(model)", "ci.project(model)"):
        places = [at for at, code in enumerate(codes) if code.splitlines()[-1:] == [line]]
        for at in places[:-1]:
            codes[at] = codes[at].removesuffix(line).rstrip()
    return "\n".join(dict.fromkeys(code for code in codes if code))


class Chains:
    """The search for changes in turn that heal; each look costs what a probe does."""

    def __init__(
        self, problem: Problem, evidence: Evidence, remedies: Sequence[Remedy], budget: Budget
    ):
        self.problem, self.evidence, self.remedies = problem, evidence, remedies
        self.budget = budget
        self.left = _MOST_LOOKS

    def extend(
        self, attempt: Attempt, wanted: list[Finding], known: set[str]
    ) -> tuple[Chain, Look] | None:
        """The shortest continuation found after which none of `wanted` and nothing new is left.

        `known` are the codes of what was found before anything was changed.
        """
        todo = [attempt]
        while todo:
            one = todo.pop(0)
            news = _left(one.after, wanted, known, one.remedy())
            for remedy in self.remedies:
                asked = [f for f in one.after.found if f.code in remedy.codes and f.counts]
                # What is for the first finding, too, was tried for it alone; another edit of a
                # constraint that is another one now was not.
                may_repeat = remedy.again or remedy.apart
                repeats = any(f.code in remedy.codes for f in wanted) and not may_repeat
                if not any(f in asked for f in news) or repeats or self.left <= 0:
                    continue
                if self.budget.is_spent:
                    self.budget.leave_out_chains()
                    return None
                longer = Attempt((*one.steps, (remedy, one.after.evidence, asked)), one.after)
                whole = longer.remedy()
                after = look(whole, self.problem, self.evidence, wanted)
                if after is None:
                    continue
                self.left -= 1
                self.budget.spend(after.evidence)
                if not _left(after, wanted, known, whole):
                    asked = frozenset(key(f) for _, _, these in longer.steps for f in these)
                    return Chain(whole, asked), after
                gone = len(taken_away(wanted, after)) == len(wanted)
                if gone and len(longer.steps) < _LONGEST and _moves(one, after):
                    todo.append(Attempt(longer.steps, after))
        return None


def taken_away(wanted: list[Finding], after: Look) -> list[Finding]:
    """The findings that are gone after a change, or are of another error than before."""
    there = {key(f): f.message for f in after.found if f.counts}
    return [
        f for f in wanted
        if key(f) not in there or (f.code in _OF_ERRORS and f.message != there[key(f)])
    ]  # fmt: skip


def _left(after: Look, wanted: list[Finding], known: set[str], remedy: Remedy) -> list[Any]:
    """The findings that keep a change from being a cure."""
    places = {key(f) for f in wanted}
    return [
        f for f in after.found
        if f.counts
        and (key(f) in places or (f.code not in known and f.code not in remedy.brings))
    ]  # fmt: skip


def _moves(before: Attempt, after: Look) -> bool:
    """Whether a step changed which findings there are, or of which errors they are."""
    changed = len(taken_away(before.after.found, after)) > 0
    return changed or {key(f) for f in before.after.found} != {key(f) for f in after.found}
