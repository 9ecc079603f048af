"""Which findings of a report count: select, ignore, thresholds, and from which level on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from constrainit.doctor import _explain
from constrainit.doctor._finding import Finding
from constrainit.doctor._report import Report

_FROM = {"error": ("error",), "warning": ("error", "warning"), "never": ()}


def codes_of(texts: Sequence[str]) -> tuple[str, ...]:
    """The codes that codes, names, or beginnings of codes such as `CW1` stand for.

    Raises:
        ValueError: One of them stands for none.
    """
    found = []
    for text in texts:
        start = text.strip().upper()
        alike = [rule.code for rule in _explain.ordered() if rule.code.startswith(start)]
        found += alike if start.startswith("CW") and alike else [_explain.find(text).code]
    return tuple(found)


def chosen(
    report: Report,
    select: Sequence[str],
    ignore: Sequence[str],
    thresholds: Mapping[str, Mapping[str, float]],
) -> Report:
    """A report with the findings that are asked for by their codes, and what that leaves out.

    Raises:
        ValueError: A finding has no number of the name that a threshold has.
    """
    kept = [
        f for f in report.findings
        if (f.code in select or not select)
        and f.code not in ignore
        and _is_large(f, thresholds.get(f.code, {}))
    ]  # fmt: skip
    codes = sorted({f.code for f in report.findings if not any(f is one for one in kept)})
    left_out = report.environment.get("left_out", ())
    if codes:
        left_out = (*left_out, "what was found of " + ", ".join(codes))
    environment = {**report.environment, "left_out": left_out}
    return replace(report, findings=tuple(kept), environment=environment)


def fails(report: Report, fail_on: str) -> bool:
    """Whether a report holds a finding of this level or above."""
    return any(finding.level in _FROM[fail_on] for finding in report.findings)


def _is_large(finding: Finding, limits: Mapping[str, float]) -> bool:
    """Whether none of a finding's numbers is below its limit; what is not finite never is.

    A finding without the number, of which others of its code have one, is kept.
    """
    for name, limit in limits.items():
        known = _explain.find(finding.code).numbers
        if name not in known:
            raise ValueError(
                f"`thresholds` of [tool.constrainit]: {finding.code} has no number {name!r}. It "
                f"has: {', '.join(known) or 'none'}."
            )
        number = finding.evidence.get(name)
        if isinstance(number, (int, float)) and number < limit:
            return False
    return True
