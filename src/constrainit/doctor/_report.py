"""The report: one tree of plain parts, rendered as text or JSON."""

import json
import math
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from constrainit import _text
from constrainit.doctor._evidence import ConstraintEvidence, Evidence
from constrainit.doctor._finding import LEVELS, Finding

SCHEMA = 1
_SAME_CODE = 3
_LAYERS = 12


@dataclass
class Report:
    """What `diagnose` found.

    Attributes:
        environment: Backend, versions, seed, batch, and what was assumed.
        evidence: Everything that was measured.
        findings: What is wrong, causes before consequences.
    """

    environment: dict[str, Any]
    evidence: Evidence = field(repr=False)
    findings: list[Finding]

    @property
    def ok(self) -> bool:
        """Whether nothing was found at warning level or above."""
        return not any(finding.counts for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain Python that JSON can hold; numbers that are not finite as text."""
        evidence = self.evidence
        weights = [_weight(made) for made in evidence.constraints]
        return _plain(
            {
                "schema_version": SCHEMA,
                "ok": self.ok,
                "environment": self.environment,
                "loss": evidence.loss,
                "loss_after_first_step": evidence.loss_after,
                "findings": [_finding(finding) for finding in self.findings],
                "constrained_weights": weights,
                "layers": [asdict(output) for output in evidence.outputs],
                "layers_after_first_step": [asdict(output) for output in evidence.outputs_after],
            }
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the report, whole or not at all: JSON for a name in `.json`, else text.

        Raises:
            ValueError: The folder does not exist, or the name ends in something else than
                `.json`, `.txt` or `.md`.
        """
        target = Path(path)
        if target.suffix not in (".json", ".txt", ".md"):
            raise ValueError(
                f"`path` of `save` must end in .json, .txt or .md. Received: path={str(path)!r}."
            )
        if not target.parent.is_dir():
            raise ValueError(
                f"`path` of `save` must lie in a folder. Received: path={str(path)!r}."
            )
        text = self.to_json() if target.suffix == ".json" else str(self)
        write_whole(target, text + "\n")

    def to_json(self) -> str:
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=2)

    def __str__(self) -> str:
        return _text.plain(*self.parts())

    def parts(self) -> Iterator[Any]:
        """The report as parts that rich can print."""
        from rich.text import Text

        yield Text(_headline(self.environment), style="bold")
        for sentence in self.environment["assumed"]:
            yield Text(f"  {sentence}")
        yield Text(_losses(self.evidence))
        if self.evidence.constraints:
            yield ""
            yield _weights_table(self.evidence.constraints)
            yield from map(Text, _calm(self.evidence.constraints, self.findings))
        layers = _layers_table(self.evidence, self.findings, self.environment["model"])
        if layers is not None:
            yield ""
            yield layers
        for finding, more in _grouped(self.findings):
            yield ""
            yield from _finding_parts(finding, more)
        yield ""
        yield Text(_verdict(self), style="bold")


def write_whole(target: Path, text: str) -> None:
    """Writes a file by way of a second one beside it, so that it is never half there."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _finding(finding: Finding) -> dict[str, Any]:
    source = finding.source
    return {
        "code": finding.code,
        "name": finding.name,
        "level": finding.level,
        "stage": finding.stage,
        "layer": finding.layer,
        "weight": finding.weight,
        "message": finding.message,
        "fix": finding.fix,
        "evidence": finding.evidence,
        "source": None if source is None else {"file": source.file, "line": source.line},
        "treatment": None if finding.treatment is None else asdict(finding.treatment),
    }


def _weight(made: ConstraintEvidence) -> dict[str, Any]:
    return {
        "weight": made.record.path,
        "layer": made.record.layer.name,
        "constraint": made.text,
        "shape": list(made.record.shape),
        "dtype": made.record.dtype,
        "before": asdict(made.start),
        "after": None if made.image is None else asdict(made.image),
        "violation": made.violation,
        "share_moved": made.share_moved,
        "jump": made.jump,
        "first_step": made.step,
        "first_step_gradient_part": made.update,
    }


def _headline(environment):
    shapes = ", ".join("x".join(map(str, shape)) for shape in environment["batch"])
    return (
        f"{environment['model_class']} {environment['model']!r}, "
        f"{environment['weights']:,} weights, batch {shapes}, seed {environment['seed']}, "
        f"Keras {environment['keras']} on {environment['backend']} "
        f"{environment['backend_version']}"
    )


def _losses(evidence):
    if evidence.loss is None:
        stage = next(iter(evidence.faults), "forward")
        return f"no loss: the {stage} stage raised"
    after = "not reached" if evidence.loss_after is None else f"{evidence.loss_after:.4g}"
    return f"loss before the first step {evidence.loss:.4g}, after it {after}"


def _weights_table(constraints):
    header = (
        "constrained weight", "start", "norm", "constrained", "norm", "moved",
        "1st step", "gradient",
    )  # fmt: skip
    shown = constraints if len(constraints) <= _LAYERS else constraints[: _LAYERS - 2]
    rows: list[tuple[str, ...]] = [
        (
            made.record.path,
            *_range(made.start),
            *(("", "") if made.image is None else _range(made.image)),
            _share(made.share_moved) if made.image else "",
            _share(made.step),
            _share(made.update),
        )
        for made in shown
    ]
    if len(shown) < len(constraints):
        rows.append((f"and {len(constraints) - len(shown)} more", *[""] * 7))
    return _text.grid(header, rows, unwrapped=header[1:])


def _range(numbers):
    return f"[{numbers.minimum:.3g}, {numbers.maximum:.3g}]", f"{numbers.norm:.3g}"


def _share(value):
    return "" if value is None else f"{100 * value:.3g} %"


def _calm(constraints, found):
    """A line for each weight that starts inside: that it does, and by how much."""
    named = {finding.weight for finding in found}
    calm = [m for m in constraints if m.record.path not in named and m.image is not None]
    for made in calm[:_SAME_CODE]:
        low, high = (made.units.get(f"{end} unit norm") for end in ("smallest", "largest"))
        norms = "" if low is None else f"; the norms of its units are {low:.3g} to {high:.3g}"
        yield (
            f"{made.record.path} is harmless: it starts inside its set ({made.text}){norms}, and "
            f"the constraint changes {_share(made.share_moved)} of it"
        )
    if len(calm) > _SAME_CODE:
        yield f"and {len(calm) - _SAME_CODE} more start inside"


def _layers_table(evidence, found, model):
    named = {finding.layer for finding in found if finding.code.startswith("CW4")}
    inner = [o for o in evidence.outputs if o.layer != model] or evidence.outputs
    outputs = [o for o in inner if o.layer in named] or inner
    after = {o.layer: o for o in evidence.outputs_after}
    rows = []
    for output in outputs[:_LAYERS]:
        later = after.get(output.layer)
        flat = output.saturated if output.saturated is not None else output.dead
        rows.append(
            (
                output.layer, f"{output.mean:.3g}", f"{output.deviation:.3g}", _share(flat),
                _share(output.nonfinite),
                "" if later is None else f"{later.mean:.3g}",
                "" if later is None else f"{later.deviation:.3g}",
            )
        )  # fmt: skip
    if len(outputs) > _LAYERS:
        rows.append((f"and {len(outputs) - _LAYERS} more", *[""] * 6))
    header = (
        "output of", "mean", "sd", "saturated or dead", "not finite", "after 1st step: mean", "sd",
    )  # fmt: skip
    return _text.grid(header, rows) if rows else None


def _grouped(found):
    """Findings with how many more of the same code follow, once there are more than three."""
    seen: dict[str, int] = {}
    for finding in found:
        seen[finding.code] = seen.get(finding.code, 0) + 1
        if seen[finding.code] <= _SAME_CODE:
            total = sum(other.code == finding.code for other in found)
            last = seen[finding.code] == _SAME_CODE
            yield finding, (total - _SAME_CODE if last else 0)


def _finding_parts(finding, more):
    from rich.text import Text

    colour = {"error": "red", "warning": "yellow", "info": "cyan"}[finding.level]
    where = finding.weight or finding.layer or "the model"
    yield Text.assemble(
        (f"{finding.code} {finding.name}", f"bold {colour}"), f" ({finding.level}) ", where
    )
    yield Text(f"  {finding.message}.")
    if finding.source is not None:
        yield Text(f"  at {finding.source}")
    yield Text(f"  fix: {finding.fix}.")
    if finding.treatment is not None:
        yield Text(f"  {_treatment_line(finding.treatment)}")
    if more > 0:
        yield Text(f"  and {more} more of {finding.code} (all of them in the JSON report)")


def _treatment_line(treatment):
    pairs = [
        f"{name.replace('_', ' ')} {_short(value)} -> {_short(treatment.after[name])}"
        for name, value in treatment.before.items()
        if name in treatment.after
    ]
    verdict = "healed" if treatment.healed else "not healed"
    return f"tried: {treatment.change}: {', '.join(pairs) or 'looked at again'}: {verdict}"


def _short(value):
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _verdict(report):
    counts = [
        f"{n} {level}{'s' if n > 1 and level != 'info' else ''}"
        for level in LEVELS
        if (n := sum(f.level == level for f in report.findings))
    ]
    tried = [f.treatment for f in report.findings if f.treatment is not None]
    healed = sum(treatment.healed for treatment in tried)
    if report.ok:
        return "healthy" + (f" ({', '.join(counts)})" if counts else ": nothing found")
    return f"{', '.join(counts)}; treatments healed {healed} of the {len(tried)} findings tried"
