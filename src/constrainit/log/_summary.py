"""A log in a few lines for a terminal."""

from collections.abc import Iterator
from typing import Any

from constrainit import _text
from constrainit.log._reading import Trajectory
from constrainit.log._storage import Run


def about(run: Run) -> str:
    """What a run was, in one line."""
    told = run.about
    what = f"{told.get('class', 'model')} {told.get('model', '')!r}, Keras {told.get('keras')} on "
    every = told.get("every")
    what += f"{told.get('backend')} {told.get('backend_version')}, "
    what += "every step" if every == 1 else f"every {every} steps"
    last = "no record yet" if run.last is None else f"last step {run.last}"
    return f"run {run.id}, begun {run.started}: {what}; {last}"


def parts(run: Run, held: list[Trajectory]) -> Iterator[Any]:
    """The run and a line for each weight, as parts that rich can print."""
    from rich.text import Text

    yield Text(about(run), style="bold")
    yield ""
    header = (
        "weight", "records", "norm", "outside by,\nbefore the\nconstraint", "moved", "at\nbound",
        "update", "not\nfinite",
    )  # fmt: skip
    yield _text.Grid(header, [_line(one) for one in held], unwrapped=header[1:], paths=header[:1])
    ruled = [(one.weight.path, one.weight.rule) for one in held if one.weight.rule]
    if ruled:
        yield ""
    for path, rule in ruled:
        yield Text(_text.visible(f"{path}: {rule}"))
    last = run.last or 0
    if 0 < last < run.about.get("every", 0):
        yield ""
        yield (
            "The run ended before its first step to be logged: there is its start, and its end as "
            f"it is, without update. WeightLog(..., every={max(last // 10, 1)}) logs more."
        )
    lost = [one for one in held if any(one.of("after_nonfinite"))]
    for one in lost:
        first = next(s for s, n in zip(one.steps, one.of("after_nonfinite"), strict=True) if n)
        yield Text(f"{one.weight.path} is not finite from step {first} on", style="red")


def _line(one):
    return (
        one.weight.path,
        str(len(one.rows)),
        _change(one.of("after_norm")),
        _most(one.of("violation")),
        _last(one.done("share_moved"), share=True),
        _last(one.of("share_at_bound"), share=True),
        _last(one.of("update_ratio")),
        _last(one.of("after_nonfinite")),
    )


def _known(values):
    return [value for value in values if value is not None]


def _change(values):
    known = _known(values)
    return f"{known[0]:.3g} → {known[-1]:.3g}" if known else ""


def _most(values):
    known = _known(values)
    return f"{max(known):.3g}" if known else ""


def _last(values, share=False):
    known = _known(values)
    if not known:
        return ""
    return f"{100 * known[-1]:.3g} %" if share else f"{known[-1]:.3g}"
