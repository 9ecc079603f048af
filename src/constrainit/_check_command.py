"""`constrainit check`: whether the weights of saved models obey, for pipelines."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from constrainit import _text

INSIDE, OUTSIDE, CAN_NOT_RUN = 0, 1, 2


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option(
    "--import", "imports", multiple=True, metavar="MODULE",
    help="Module, or file.py, with the custom objects of a .keras file.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.option(
    "--constrained", multiple=True, metavar="PATTERN",
    help="Weights that must have a constraint: '*/kernel'. Can be given more than once.",
)  # fmt: skip
@click.option(
    "--max-size", type=click.IntRange(min=1), default=8192, show_default=True, metavar="MIB",
    help="Refuse a .keras file that would unpack to more.",
)  # fmt: skip
def check(targets, imports, form, constrained, max_size) -> None:
    """Check whether weights are finite and inside their sets; nothing is trained or changed.

    TARGET is model.keras, file.py:factory or module:factory; several can be given.

    "outside by" is in the units of the weight: the Euclidean distance from its set of the unit that
    is farthest outside. A weight without a constraint has a line where it is not finite.

    Exit status: 0 all inside, 1 a weight is outside, not finite, or its constraint raises or works
    along other axes than its layer; or a model has no constrained weight, or one of --constrained
    is not; 2 a model could not be loaded.
    """
    from constrainit._check import check as look
    from constrainit.doctor._target import TargetError, load_target, running

    status, found = INSIDE, []
    for target in targets:
        try:
            model, _ = load_target(target, imports, max_size * 2**20, compiled=False)
            with running("Checking the model", only_ends=True):
                table = look(model, constrained)
        except (TargetError, ValueError) as reason:
            where = "" if isinstance(reason, TargetError) else f"{_text.visible(target)}: "
            click.echo(f"constrainit: {where}{reason}", err=True)
            status = CAN_NOT_RUN
            continue
        status = max(status, INSIDE if table.ok else OUTSIDE)
        found.append((target, table))
    if form == "json":
        click.echo(_as_json(found))
    elif found:
        _text.show(_parts(found), _text.UNCUT)
    sys.exit(status)


def _as_json(found: list[tuple[str, Any]]) -> str:
    return json.dumps([{"target": target, **table.to_dict()} for target, table in found], indent=2)


def _parts(found: list[tuple[str, Any]]) -> Iterator[Any]:
    from rich.text import Text

    for target, table in found:
        count = len(table.rows)
        said = f" ok, {count} constrained weight{'s' * (count != 1)}" if table.ok else ""
        yield Text(f"{_text.visible(target)}:{said}")
        if not table.ok:
            yield table
