"""The command line."""

import os
import sys
import traceback
from pathlib import Path

import click

from constrainit import _text
from constrainit.atlas import _grid
from constrainit.log import _command

HEALTHY, FINDINGS, CAN_NOT_RUN = 0, 1, 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="constrainit")
def cli() -> None:
    """Constrained weights for Keras 3."""


@cli.command()
@click.argument("target")
@click.option("--data", metavar="F.npz", help="Arrays x and y to look at, in place of make_batch.")
@click.option(
    "--replay", metavar="FAULT.npz",
    help="A file of StopAtFault: the batch, weights and optimizer before the step that failed.",
)  # fmt: skip
@click.option(
    "--input-shape", "shapes", multiple=True, metavar="SHAPE",
    help="Shape of one sample, such as 5 or 28,28,1; once for each input. The batch is drawn.",
)  # fmt: skip
@click.option(
    "--import", "imports", multiple=True, metavar="MODULE",
    help="Module that registers the custom objects of a .keras file.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]),
    help="Default: json if --output ends in .json, else text.",
)  # fmt: skip
@click.option("--output", metavar="FILE", help="Write the report there, whole or not at all.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--max-size", type=click.IntRange(min=1), default=8192, show_default=True, metavar="MIB",
    help="Refuse a .keras or .npz file that would unpack to more.",
)  # fmt: skip
def doctor(target, data, replay, shapes, imports, form, output, seed, max_size) -> None:
    """Say why a constrained model breaks, and try what mends it.

    TARGET is file.py:factory, module:factory or model.keras. The batch comes from --data, from a
    make_batch() beside the factory, from --input-shape, or with the weights from --replay.

    Exit status: 0 healthy, 1 findings at warning level or above, 2 could not run.
    """
    from constrainit.doctor._target import TargetError

    try:
        status = _doctor(
            target, data, replay, _shapes(shapes), imports, form, output, seed, max_size * 2**20
        )
    except TargetError as reason:
        click.echo(f"constrainit: {reason}", err=True)
        status = CAN_NOT_RUN
    sys.exit(status)


def _doctor(target, data, replay, shapes, imports, form, output, seed, max_size):
    import keras

    from constrainit.doctor._batch import inputs_for
    from constrainit.doctor._diagnose import examine
    from constrainit.doctor._target import (
        TargetError,
        check_batch,
        load_batch,
        load_fault,
        load_target,
    )

    if output is not None and not Path(output).resolve().parent.is_dir():
        raise TargetError(f"There is no folder {str(Path(output).parent)!r} to write --output to.")
    if data is not None and shapes is not None:
        raise TargetError("--data and --input-shape exclude one another: give one of them.")
    if replay is not None and (data is not None or shapes is not None):
        raise TargetError("--replay brings its own batch: leave out --data and --input-shape.")
    form = form or ("json" if str(output).endswith(".json") else "text")
    _seed(keras, seed)
    model, module = load_target(target, imports, max_size)
    said = []
    if replay is not None:
        x, y, said = load_fault(model, replay, max_size)
    else:
        x, y = (None, None) if shapes and data is None else load_batch(module, data, max_size)
    if x is not None:
        check_batch(model, x, replay or data or "What make_batch returned")
    elif shapes is not None:
        check_batch(model, inputs_for(model, shapes, seed), "--input-shape")
    try:
        report = examine(model, x, y, None, None, seed, shapes)
    except ValueError as reason:
        raise TargetError(str(reason)) from None
    report.environment["assumed"][:0] = said
    _show(report, form, output)
    return HEALTHY if report.ok else FINDINGS


def _seed(keras, seed):
    """As `keras.utils.set_random_seed`, which imports TensorFlow on every backend: seconds."""
    import random

    import numpy as np

    if keras.backend.backend() == "tensorflow":
        keras.utils.set_random_seed(seed)
    elif keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002


def _shapes(texts):
    from constrainit.doctor._target import TargetError

    shapes = []
    for text in texts:
        parts = text.split(",")
        if not all(part.strip().isdigit() and int(part) > 0 for part in parts):
            raise TargetError(
                "--input-shape must be positive integers with commas, such as 28,28,1. "
                f"Received: {text!r}."
            )
        shapes.append(tuple(int(part) for part in parts))
    return shapes or None


def _show(report, form, output):
    from constrainit.doctor._report import write_whole
    from constrainit.doctor._target import TargetError

    if output is not None:
        text = report.to_json() if form == "json" else str(report)
        try:
            write_whole(Path(output), text + "\n")
        except OSError as reason:
            raise TargetError(f"--output {output!r} can not be written: {reason}") from None
    elif form == "json":
        click.echo(report.to_json())
    elif sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(*report.parts(), sep="\n")
    else:
        click.echo(str(report))


@cli.command()
@click.option("--set", "sets", multiple=True, type=click.Choice(list(_grid.SETS)))
@click.option("--activation", "activations", multiple=True, type=click.Choice(_grid.ACTIVATIONS))
@click.option("--dtype", "dtypes", multiple=True, type=click.Choice(_grid.DTYPES))
@click.option("--width", type=click.IntRange(min=1), default=256, show_default=True)
@click.option("--batch", type=click.IntRange(min=2), default=512, show_default=True)
@click.option("--depth", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--output", metavar="F.csv", default="atlas.csv", show_default=True,
    help="The table. Cells that it holds are not measured again.",
)  # fmt: skip
@click.option("--figure", metavar="F.svg", help="Draw it, as .svg or .png.")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=os.cpu_count, show_default="number of cores"
)
def atlas(sets, activations, dtypes, width, batch, depth, seed, output, figure, jobs) -> None:
    """Measure where signals die or explode.

    Sets x activations x dtypes x ways of starting, layer by layer; --set, --activation and --dtype
    can be repeated, and without them all are measured. An interrupted run resumes.

    Exit status: 0 done, 2 could not run or was interrupted.
    """
    from constrainit.atlas._run import run
    from constrainit.atlas._storage import AtlasError

    size = _grid.Size(width, batch, depth, seed)
    target = None if figure is None else Path(figure)
    try:
        click.echo(run(sets, activations, dtypes, size, Path(output), target, jobs))
    except AtlasError as reason:
        click.echo(f"constrainit: {reason}", err=True)
        sys.exit(CAN_NOT_RUN)


@cli.command()
@click.argument("name", required=False)
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown"]), default="text", show_default=True
)
def sets(name, form) -> None:
    """Print the catalogue: every set with what it offers, or all about the set NAME.

    In a file or a pipe each set of the catalogue has a line of its own.
    """
    from constrainit import _catalogue

    if name is not None:
        if form == "markdown":
            raise click.UsageError("NAME and --format markdown exclude one another.")
        try:
            click.echo(_catalogue.details(name))
        except ValueError as unknown:
            raise click.UsageError(str(unknown)) from None
    elif form == "markdown":
        click.echo(_catalogue.markdown(), nl=False)
    elif sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(*_catalogue.parts(), sep="\n")
    else:
        click.echo(_text.plain(*_catalogue.parts(), width=_text.UNCUT))


@cli.command()
@click.argument("code", required=False)
def explain(code) -> None:
    """Explain a finding of the doctor.

    CODE is a code such as CW101, or a name such as infeasible-start; without it all are listed.
    """
    from constrainit.doctor import _explain

    if code is None:
        return _print(_explain.list_parts(), _text.UNCUT)
    try:
        rule = _explain.find(code)
    except ValueError as unknown:
        raise click.UsageError(str(unknown)) from None
    _print(_explain.page_parts(rule), _text.WIDTH)


def _print(parts, width):
    """Rich on a terminal; plain text of this width in a file or a pipe."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(*parts, sep="\n")
    else:
        click.echo(_text.plain(*parts, width=width))


cli.add_command(_command.log)


def main() -> None:
    """The entry point: as `cli`, but an interruption ends with status 2 as well."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("constrainit: interrupted", err=True)
        sys.exit(CAN_NOT_RUN)
    except click.ClickException as problem:
        problem.show()
        sys.exit(CAN_NOT_RUN)
    # A fault of our own must not pass for findings.
    except Exception:
        traceback.print_exc()
        click.echo("constrainit: this is a fault of constrainit itself, please report it", err=True)
        sys.exit(CAN_NOT_RUN)


if __name__ == "__main__":
    main()
