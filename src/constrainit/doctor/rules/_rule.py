"""The form of a rule."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from constrainit._words import share
from constrainit.doctor._evidence import ConstraintEvidence, Evidence
from constrainit.doctor._finding import Finding
from constrainit.doctor._frames import Cut, Source
from constrainit.doctor._statistics import Output
from constrainit.doctor.rules._sections import Page, page_of
from constrainit.doctor.trace import Operation
from constrainit.doctor.trace._limits import CUT_OFF


class Rule(ABC):
    """Evidence in, findings out. The docstring of a rule is its page, in this form and order.

    1. A fact about the model, on one line, with a period.
    2. Why it matters: paragraphs without a heading, before the first section.
    3. "Example:", and indented under it 2 to 10 lines of Python that have the fault. They are run
       by the tests, with `keras`, `layers`, `ops`, `np` and `ci` imported. The last statement is
       an expression: a layer or a list of layers (a model that takes 4 numbers is made of them), a
       model, or the report of `ci.diagnose(model, x, y)`. The rule must find something there.
    4. "Use instead:", the same without the fault, run in the same way: the rule must find nothing.
       Comments may say what else there is.
    5. "Known limits:", what the rule does not see, or sees where there is no harm.
    6. "Source:", where the rule and its thresholds come from: a paper, a tool, a thread, code.

    `page()` reads it; `constrainit explain CODE` and `docs/findings.md` show it.

    Attributes:
        code: Stable code, never reused.
        name: Named for the fault.
        level: The level of its findings, unless a finding says otherwise.
        stage: The stage at which it shows, unless a finding says otherwise.
        numbers: The names of the numbers in the evidence of its findings, which thresholds may be
            set for; a finding has some of them.
        backends: The backends that the example is written for; empty for all of them.
        of_class: Whether the cause is a class, and is told of once for all of its weights.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    level: ClassVar[str] = "warning"
    stage: ClassVar[str] = "constraints"
    numbers: ClassVar[tuple[str, ...]]
    backends: ClassVar[tuple[str, ...]] = ()
    of_class: ClassVar[bool] = False

    @classmethod
    def page(cls) -> Page:
        """What is to be known about this rule, from its docstring."""
        return page_of(cls)

    @abstractmethod
    def find(self, evidence: Evidence) -> Iterator[Finding]:
        """The findings of this rule."""

    def at_weight(
        self, made: ConstraintEvidence, message: str, fix: str, numbers: dict[str, Any], **more: Any
    ) -> Finding:
        """A finding about one constrained weight."""
        record = made.record
        return self.made(message, fix, numbers, layer=record.layer.name, weight=record.path, **more)

    def made(self, message: str, fix: str, numbers: dict[str, Any], **more: Any) -> Finding:
        """A finding with this rule's code, name, level and stage, unless `more` says otherwise."""
        base: dict[str, Any] = {
            "level": self.level, "stage": self.stage, "layer": "", "weight": "",
        }  # fmt: skip
        return Finding(
            code=self.code, name=self.name, message=message, fix=fix, evidence=numbers,
            **{**base, **more},
        )  # fmt: skip


def at_operation(evidence: Evidence, stage: str) -> tuple[str, dict[str, Any]]:
    """What is known of the operation that failed: the end of a sentence, and where it is."""
    operation = evidence.operation
    if operation is None or operation.stage != stage:
        return "", {}
    text, where = told(operation)
    return f"; the operation is {text}", where


def of_constants(evidence: Evidence, in_layers: bool) -> tuple[str, str]:
    """The constants that it comes from, as the end of a sentence, and what to do about them."""
    own = [made for made in evidence.constants if bool(made.layer) == in_layers]
    if not own:
        return "", ""
    return "".join(f"; {made}" for made in own[:2]), (
        f"make {own[0].name} finite where it is computed: a number by a count is infinite, or NaN, "
        "where the count is 0, such as the weight of a class that is not there: divide by "
        "np.maximum(count, 1), or put 0 for it"
    )


def beyond_bounds(evidence: Any) -> list[Operation]:
    """The operations whose bounds cut off all of what comes in."""
    return [one for one in evidence.lossy if one.limit.startswith(CUT_OFF)]


def told(operation: Operation) -> tuple[str, dict[str, Any]]:
    """An operation in words, and where it is."""
    weights = sorted({path for one in operation.operands for path in one.weights})
    only = sorted({p for one in operation.operands if not one.data for p in one.weights})
    named = only if len(only) == 1 else weights
    where: dict[str, Any] = {"source": operation.source}
    if operation.layer:
        where["layer"] = operation.layer
    if len(named) == 1:
        where["weight"] = named[0]
    ranges = ", ".join(_range(one.numbers) for one in operation.operands if one.numbers.size)
    in_layer = f" in {operation.layer!r}" if operation.layer else " in the loss"
    from_weight = f", computed from {', '.join(weights)}" if weights else ""
    # Of what else, and where else, is not asked of a constraint.
    if operation.stage == "constraint":
        in_layer = from_weight = ""
    known = f" (operands in {ranges}{from_weight})" if ranges else from_weight
    return f"{operation.name}{in_layer}: {operation.limit}{known}", where


def _range(numbers):
    """Between what the entries of an operand lie, as people read it."""
    low, high = numbers.minimum, numbers.maximum
    if math.isinf(low) and low == high:
        return "-inf everywhere" if low < 0 else "inf everywhere"
    return f"[{low:.3g}, {high:.3g}]"


def last_source(sources: tuple[Source, ...]) -> Source | None:
    """The innermost of the user's own lines."""
    return sources[-1] if sources else None


def cut_at(cut: Cut | None) -> str:
    """What is said, at the end of a sentence, of the operation that cuts a gradient off."""
    if cut is None:
        return "; where it is cut off is not located"
    if cut.source is None:
        return f"; {cut.operation} in the graph of the model cuts it off"
    line, file = cut.source.line, Path(cut.source.file).name
    return f"; {cut.operation} in line {line} of {file} cuts it off"


def is_cut_behind(evidence: Evidence, output: Output) -> bool:
    """Whether no gradient comes to an output, as the code of a layer behind it cuts it off."""
    never = [g.record for g in evidence.gradients if g.never]
    known = [evidence.severed.get(r.path) for r in never if r.layer.name == output.layer]
    return not output.gradient and any(c is not None and c.layer for c in known)


def percent(part: float | None, whole: str = "") -> str:
    """A share as people read it: 0.4 %, 71 %, 16 times; empty if it was not measured."""
    return "" if part is None else share(part, whole)


def when(stage: str, evidence: Evidence) -> str:
    """When an output was looked at, behind a space; empty before the first step."""
    if stage == "forward":
        return ""
    steps = max(len(evidence.losses) - 1, 1) if stage == "training" else 1
    return " after the first step" if steps == 1 else f" after {steps} steps"
