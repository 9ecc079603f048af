"""The words that every form of a report shares."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from constrainit._text import WIDTH, cut
from constrainit._words import beside, share
from constrainit._words import ended as ended
from constrainit.doctor._finding import LEVELS, Finding, Treatment

SYMBOLS = {"error": "✕", "warning": "▲", "info": "i", "fine": "✓"}
"""What stands beside a colour, which nobody has to see."""

LABELS = {"error": "error", "warning": "warning", "info": "note", "fine": "nothing found"}


def verdict(report: Any) -> str:
    """What was found, in one line."""
    counted = [
        f"{count} {LABELS[level]}{'s' if count > 1 else ''}"
        for level in LEVELS
        if (count := sum(finding.level == level for finding in report.findings))
    ]
    if report.ok and report.environment.get("left_out"):
        left = " and ".join(report.environment["left_out"])
        notes = f"; {counted[0]}" if counted else ""
        return f"healthy as far as it was looked at, which leaves out {left}{notes}"
    if report.ok:
        return "healthy" + (f", with {counted[0]}" if counted else ": nothing found")
    return ", ".join(counted)


def summary(report: Any) -> list[str]:
    """A line for each finding: its code, where it is, and how its message begins."""
    return [
        cut(f"{finding.code} ({finding.level}) {place(finding)}: {finding.message}", WIDTH - 4)
        for finding in report.findings
    ]


def cures(report: Any) -> str:
    """How many treatments healed what they were tried on; empty if none was tried."""
    tried = [f.treatment for f in report.findings if f.treatment is not None]
    healed = sum(treatment.healed for treatment in tried)
    return f"treatments healed {healed} of the {len(tried)} findings tried" if tried else ""


def worst(found: Iterable[Finding]) -> str:
    """The most severe level of some findings, `fine` if there are none."""
    levels = {finding.level for finding in found}
    return next((level for level in LEVELS if level in levels), "fine")


def place(finding: Finding) -> str:
    """Where a finding is."""
    return finding.weight or finding.layer or "the model"


def shown(name: str, value: Any) -> str:
    """The value of a number by its name: shares in percent, three digits."""
    if value is None:
        return "not measured"
    if isinstance(value, (list, tuple)):
        return ", ".join(shown("", part) for part in value) or "none"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, float) and "share" in name and math.isfinite(value):
        return share(value)
    return f"{value:.3g}" if isinstance(value, float) else f"{value:,}"


def mean(output: Any) -> str:
    """The mean of what a layer gives, 0 where it is what float32 rounds away of the deviation."""
    return beside(output.mean, output.deviation, 1e-8)


def spoken(name: str) -> str:
    """The name of a number as words."""
    return name.replace("_", " ")


def compared(treatment: Treatment) -> list[tuple[str, str, str]]:
    """The numbers that were measured before and after a treatment.

    A number that is what it was proves no cure.
    """
    before, after = treatment.before, treatment.after
    names = [name for name in before if name in after]
    pairs = [(spoken(n), shown(n, before[n]), shown(n, after[n])) for n in names]
    return [pair for pair in pairs if not treatment.healed or pair[1] != pair[2]]


def outcome(treatment: Treatment) -> str:
    """What came of a treatment."""
    return "healed" if treatment.healed else "not healed"


def of_diff(treatment: Treatment, code: str) -> str:
    """What stands above the change to a file, which the code to paste runs behind."""
    if not treatment.healed:
        return "the change tried:"
    return "first, the change to your file:" if code else "the change to your file:"


def of_code(diff: str) -> str:
    """What stands above the code to paste."""
    return "then, once the model is made anew, to paste:" if diff else "to paste:"


def losses(evidence: Any) -> str:
    """The loss around the first step, or why there is none."""
    if evidence.own is not None and not evidence.own.as_usual and not evidence.faults:
        reported = evidence.own.reported
        shown = [f"{name} {of[0]:.4g} to {of[-1]:.4g}" for name, of in reported.items()]
        return f"{evidence.own.steps} steps, which report {', '.join(shown) or 'nothing'}"
    if evidence.loss is None:
        stage = next(iter(evidence.faults), "forward")
        return f"no loss: the {stage} stage raised"
    after = "not reached" if evidence.loss_after is None else f"{evidence.loss_after:.4g}"
    return f"loss before the first step {evidence.loss:.4g}, after it {after}"


def subject(environment: Mapping[str, Any]) -> str:
    """Which model was looked at, with what."""
    shapes = ", ".join("x".join(map(str, shape)) for shape in environment["batch"])
    return (
        f"{environment['model_class']} {environment['model']!r}, "
        f"{environment['weights']:,} weights, batch {shapes}, seed {environment['seed']}, "
        f"Keras {environment['keras']} on {environment['backend']} "
        f"{environment['backend_version']}"
    )
