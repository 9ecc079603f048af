"""A log in a few lines for a terminal."""

from collections.abc import Iterator
from typing import Any

from constrainit import _text
from constrainit._words import share
from constrainit.log._storage import Digest, Run, Weight


def about(run: Run) -> str:
    """What a run was, in one line."""
    told = run.about
    what = f"{told.get('class', 'model')} {told.get('model', '')!r}, Keras {told.get('keras')} on "
    every = told.get("every")
    what += f"{told.get('backend')} {told.get('backend_version')}, "
    what += "every step" if every == 1 else f"every {every} steps"
    last = "no record yet" if run.last is None else f"last step {run.last}"
    return f"run {run.id}, begun {run.started}: {what}; {last}"


def parts(run: Run, held: list[tuple[Weight, Digest]]) -> Iterator[Any]:
    """The run and a line for each weight, as parts that rich can print."""
    from rich.text import Text

    yield Text(about(run), style="bold")
    yield ""
    header = (
        "weight", "records", "norm", "outside by,\nbefore the\nconstraint", "moved", "at\nbound",
        "update", "not\nfinite",
    )  # fmt: skip
    yield _text.Grid(header, [_line(*one) for one in held], unwrapped=header[1:], paths=header[:1])
    ruled = [(one.path, one.rule) for one, _ in held if one.rule]
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
    for one, found in held:
        if found.lost is not None:
            text = f"{one.path} is not finite from step {found.lost} on"
            yield Text(text, style="red")


def _line(weight, found):
    norms = "" if found.first_norm is None else f"{found.first_norm:.3g} → {found.last_norm:.3g}"
    return (
        weight.path,
        str(found.records),
        norms,
        _said(found.violation),
        _share(found.share_moved),
        _share(found.share_at_bound),
        _said(found.update_ratio),
        _said(found.nonfinite),
    )


def _said(number):
    return "" if number is None else f"{number:.3g}"


def _share(number):
    return "" if number is None else share(number)
