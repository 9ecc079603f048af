"""Several constraints at fault: mended together where one change serves, else each by itself."""

from typing import Any

from constrainit.doctor._finding import Finding
from constrainit.doctor._problem import Problem
from constrainit.doctor.treatments._remedy import Changed, Remedy
from constrainit.doctor.treatments._rewriting import kind_of


def by_constraint(problem: Problem, found: list[Finding]) -> list[list[Finding]]:
    """Findings in groups, one for each class or function of a constraint."""
    held = {v.path: getattr(v, "constraint", None) for v in problem.model.variables}
    groups: dict[Any, list[Finding]] = {}
    for finding in found:
        groups.setdefault(kind_of(held.get(finding.weight)), []).append(finding)
    return list(groups.values())


def for_each_constraint(apply: Any) -> Any:
    """A change made for each class of constraint in turn, which tells each finding of its own."""

    def changed(problem, evidence, found):
        made = []
        for group in by_constraint(problem, found):
            one = apply(problem, evidence, group)
            if one is not None:
                made.append((group, one))
        if not made:
            return None
        changes = [one for _, one in made]
        return Changed(
            "; ".join(one.change for one in changes),
            code="\n".join(dict.fromkeys(one.code for one in changes if one.code)),
            diff="\n".join(one.diff for one in changes if one.diff),
            parts={finding.weight: one for group, one in made for finding in group},
        )

    return changed


def each_constraint(codes: tuple[str, ...], make: Any, beside: Any = None, **more: Any) -> Remedy:
    """What is tried for all constraints, and where that does not heal all, for each by itself."""
    other = beside and for_each_constraint(beside)
    return Remedy(codes, for_each_constraint(make), apart=True, beside=other, **more)


def for_all_of_a_class(apply: Any) -> Any:
    """A change of the axes in a class, made only where all weights that have it ask for the same.

    Of the others it would be the wrong one.
    """

    def changed(problem, evidence, found):
        paths = {finding.weight for finding in found}
        held = {v.path: getattr(v, "constraint", None) for v in problem.model.variables}
        kinds = {kind_of(held.get(path)) for path in paths}
        alike = {p for p, one in held.items() if one is not None and kind_of(one) in kinds}
        axes = {tuple(finding.evidence.get("unit_axes", ())) for finding in found}
        return apply(problem, evidence, found) if alike <= paths and len(axes) == 1 else None

    return changed
