"""A report as a page that a person reads: parts that rich can print."""

from collections.abc import Iterator
from typing import Any

from constrainit import _text
from constrainit.doctor._finding import LEVELS

_SAME_CODE = 3
_LAYERS = 12


def parts(report: Any) -> Iterator[Any]:
    """The report as parts that rich can print."""
    from rich.text import Text

    yield Text(_headline(report.environment), style="bold")
    for sentence in report.environment["assumed"]:
        yield Text(f"  {sentence}")
    yield Text(_losses(report.evidence))
    if report.evidence.constraints:
        yield ""
        yield _weights_table(report.evidence.constraints)
        yield from map(Text, _calm(report.evidence.constraints, report.findings))
    layers = _layers_table(report.evidence, report.findings, report.environment["model"])
    if layers is not None:
        yield ""
        yield layers
    for finding, more in _grouped(report.findings):
        yield ""
        yield from _finding_parts(finding, more)
    yield ""
    yield Text(_verdict(report), style="bold")


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
