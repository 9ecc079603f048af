"""The report: what was found, as data and as a file."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from constrainit import _text
from constrainit._files import write_whole
from constrainit.doctor import _page
from constrainit.doctor._evidence import ConstraintEvidence, Evidence
from constrainit.doctor._finding import Finding

SCHEMA = 1
FORMS = {".html": "html", ".json": "json", ".sarif": "sarif", ".txt": "text", ".md": "text"}
"""The forms of a report, by the end of a file's name."""
ENDS = f"{', '.join([*FORMS][:-1])} or {[*FORMS][-1]}"


@dataclass(frozen=True)
class Report:
    """What `diagnose` found; every form of it is made of this object.

    Attributes:
        environment: Backend, versions, seed, batch, and what was assumed; not to be written to.
        evidence: Everything that was measured.
        findings: What is wrong, causes first, each followed by its consequences.
    """

    environment: Mapping[str, Any]
    evidence: Evidence = field(repr=False)
    findings: tuple[Finding, ...]

    def __post_init__(self):
        object.__setattr__(self, "environment", MappingProxyType(dict(self.environment)))

    def __reduce__(self):
        # A mapping that can not be written to can not be pickled.
        return type(self), (dict(self.environment), self.evidence, self.findings)

    @property
    def ok(self) -> bool:
        """Whether nothing was found at warning level or above."""
        return not any(finding.counts for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain Python that JSON can hold; numbers that are not finite as text."""
        evidence = self.evidence
        weights = [_weight(made) for made in (*evidence.constraints, *evidence.mapped)]
        return _plain(
            {
                "schema_version": SCHEMA,
                "ok": self.ok,
                "environment": dict(self.environment),
                "loss": evidence.loss,
                "loss_after_first_step": evidence.loss_after,
                "findings": [_finding(finding) for finding in self.findings],
                "constrained_weights": weights,
                "layers": [asdict(output) for output in evidence.outputs],
                "layers_after_first_step": [asdict(output) for output in evidence.outputs_after],
            }
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the report, whole or not at all, in the form that the name ends in.

        `.html` for a page, `.json` and `.sarif` for programs, `.txt` and `.md` for the text.

        Raises:
            ValueError: The folder does not exist, or the name ends in something else.
        """
        target = Path(path)
        form = FORMS.get(target.suffix)
        if form is None:
            raise ValueError(f"`path` of `save` must end in {ENDS}. Received: path={str(path)!r}.")
        if not target.parent.is_dir():
            raise ValueError(
                f"`path` of `save` must lie in a folder. Received: path={str(path)!r}."
            )
        write_whole(target, self.rendered(form) + "\n")

    def rendered(self, form: str) -> str:
        """The report in one of its forms: `text`, `html`, `json` or `sarif`."""
        forms = {
            "text": self.__str__, "html": self.to_html, "json": self.to_json,
            "sarif": self.to_sarif,
        }  # fmt: skip
        return forms[form]()

    def to_json(self) -> str:
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=2)

    def to_sarif(self) -> str:
        """A document in SARIF 2.1.0, which code hosts show at the lines of a change."""
        from constrainit.doctor.rendering._sarif import sarif

        return sarif(self)

    def to_html(self) -> str:
        """A page that stands alone: one file, no script, nothing to fetch."""
        from constrainit.doctor.rendering._html import page

        return page(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from constrainit.doctor.rendering._html import cell

        return cell(self)

    def __str__(self) -> str:
        return _text.plain(*self.parts())

    def parts(self) -> Iterator[Any]:
        """The report as parts that rich can print."""
        return _page.parts(self)


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
        "others": [other.weight or other.layer for other in finding.others],
        "cause": finding.cause,
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
