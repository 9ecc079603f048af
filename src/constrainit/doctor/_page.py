"""A report as a page that a person reads: parts that rich can print."""

import math
from collections.abc import Iterator
from typing import Any

from constrainit import _text
from constrainit._words import share, span
from constrainit.doctor import _finding_page
from constrainit.doctor._finding_page import SAME_CODE, line
from constrainit.doctor.rendering import _words
from constrainit.doctor.rules.cw101_infeasible_start import harmless

_LAYERS = 12
_RANGES = ("start", "constrained")


def parts(report: Any) -> Iterator[Any]:
    """The report as parts that rich can print."""
    yield line(_words.subject(report.environment), style="bold")
    for sentence in dict.fromkeys(report.environment["assumed"]):
        yield line(sentence, indent=2)
    yield line(_words.losses(report.evidence))
    constraints, mapped = report.evidence.constraints, report.evidence.mapped
    if constraints or mapped:
        yield ""
        yield _weights_table(constraints + mapped)
        yield from map(line, (*_calm(constraints, report.findings), *_mapped(mapped)))
    layers = _layers_table(report.evidence, report.findings, report.environment["model"])
    if layers is not None:
        yield ""
        yield layers
    yield from _finding_page.parts(report.findings)
    yield ""
    yield line("; ".join(filter(None, [_words.verdict(report), _words.cures(report)])), "bold")


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
            _percent(made.share_moved) if made.image else "",
            _percent(made.step),
            _percent(made.update),
        )
        for made in shown
    ]
    if len(shown) < len(constraints):
        rows.append((f"and {len(constraints) - len(shown)} more", *[""] * 7))
    # Where there is little room, a range takes two lines.
    whole = [name for name in header[1:] if name not in _RANGES]
    return _text.Grid(header, rows, unwrapped=whole, words=_RANGES, paths=header[:1])


def _range(numbers):
    # Without minus zero.
    ends = numbers.minimum + 0.0, numbers.maximum + 0.0
    return f"[{ends[0]:.3g}, {ends[1]:.3g}]", f"{numbers.norm:.3g}"


def _percent(value):
    return "" if value is None else share(value)


def _later(found, layer):
    """The numbers of findings that a layer has come to in the steps, and not before them."""
    of = (f for f in found if f.layer == layer and f.stage in ("second forward", "training"))
    return {name: number for one in of for name, number in one.evidence.items()}


def _shares(start, later, *names):
    """A share before the steps, with what it was seen to be in them."""
    then = [later[name] for name in names if name in later]
    return _percent(start) + "".join(f", later {_percent(one)}" for one in then)


def _calm(constraints, found):
    """A line for each weight that starts inside: that it does, and by how much."""
    named = {path for finding in found for path in finding.weights}
    # A finding that is not asked for is left out, and its weight no better for that.
    kept = [m for m in constraints if m.image is not None and harmless(m)]
    calm = [m for m in kept if m.record.path not in named]
    for made in calm[:SAME_CODE]:
        low, high = (made.units.get(f"{end} unit norm") for end in ("smallest", "largest"))
        norms = "" if low is None else f"; the {_norms(made.record)} {span(low, high)}"
        yield (
            f"{made.record.path} is harmless: it starts inside its set ({made.text}){norms}, and "
            f"the constraint changes {_percent(made.share_moved)} of it"
        )
    if len(calm) > SAME_CODE:
        yield f"and {len(calm) - SAME_CODE} more start inside"


def _mapped(seen):
    for made in seen[:SAME_CODE]:
        yield f"{made.record.path} can not leave its set ({made.text})"
    if len(seen) > SAME_CODE:
        yield f"and {len(seen) - SAME_CODE} more can not leave theirs"


def _norms(record):
    one = math.prod(record.shape) == math.prod(record.shape[axis] for axis in record.axes)
    return "norm of its unit is" if one else "norms of its units are"


def _layers_table(evidence, found, model):
    named = {finding.layer for finding in found if finding.code.startswith("CW4")}
    inner = [o for o in evidence.layers if o.layer != model] or evidence.layers
    outputs = [o for o in inner if o.layer in named] or inner
    after = {o.layer: o for o in evidence.outputs_after}
    rows = []
    for output in outputs[:_LAYERS]:
        later = after.get(output.layer)
        flat = output.saturated if output.saturated is not None else output.dead
        then = _later(found, output.layer)
        rows.append(
            (
                output.layer, _words.mean(output), f"{output.deviation:.3g}",
                _shares(flat, then, "saturated_share", "dead_share"),
                _shares(output.nonfinite, then, "nonfinite_share"),
                "" if later is None else _words.mean(later),
                "" if later is None else f"{later.deviation:.3g}",
            )
        )  # fmt: skip
    if len(outputs) > _LAYERS:
        rows.append((f"and {len(outputs) - _LAYERS} more", *[""] * 6))
    header = (
        "output of", "mean", "sd", "saturated or dead", "not finite", "after 1st step: mean", "sd",
    )  # fmt: skip
    return _text.Grid(header, rows, words=header[1:], paths=header[:1]) if rows else None
