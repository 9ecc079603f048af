"""The command line."""

import os
import sys
import traceback
from pathlib import Path

import click

from constrainit import _check_command, _text
from constrainit._config import FAIL_ON, ConfigError
from constrainit.atlas import _grid
from constrainit.log import _command

CAN_NOT_RUN = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="constrainit")
def cli() -> None:
    """Constrained weights for Keras 3."""


@cli.command()
@click.argument("target")
@click.option(
    "--data",
    metavar="F.npz",
    help="Arrays x and y to look at (several inputs by name), in place of make_batch.",
)
@click.option(
    "--replay", metavar="FAULT.npz",
    help="A file of StopAtFault: the batch, weights and optimizer before the step that failed. "
    "TARGET is the model as it was before that training.",
)  # fmt: skip
@click.option(
    "--input-shape", "shapes", multiple=True, metavar="SHAPE",
    help="Shape of one sample, such as 5 or 28,28,1; once for each input. The batch is drawn.",
)  # fmt: skip
@click.option(
    "--import", "imports", multiple=True, metavar="MODULE",
    help="Module, or file.py, with the custom objects of a .keras file.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "html", "sarif"]),
    help="Default: by the end of --output (.json, .html, .sarif, .txt, .md), else text.",
)  # fmt: skip
@click.option(
    "--output", metavar="FILE",
    help="Write the report there, whole or not at all, and a line for each finding to the standard "
    "error. - stands for the standard output.",
)  # fmt: skip
@click.option("--html", metavar="F.html", help="As --output F.html --format html.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "--steps", type=click.IntRange(min=1),
    help="Optimizer steps to take. Default: 20, fewer for large models and batches.",
)  # fmt: skip
@click.option(
    "--select", multiple=True, metavar="CODES",
    help="Report these only: codes, names, or beginnings such as CW1, with commas.",
)  # fmt: skip
@click.option("--ignore", multiple=True, metavar="CODES", help="Do not report these.")
@click.option(
    "--fail-on", type=click.Choice(FAIL_ON),
    help="The level of a finding from which on the exit status is 1. Default: warning.",
)  # fmt: skip
@click.option(
    "--fix", metavar="OUT.keras",
    help="Write the treated model there, if a treatment heals; never over TARGET.",
)  # fmt: skip
@click.option(
    "--max-size", type=click.IntRange(min=1), default=8192, show_default=True, metavar="MIB",
    help="Refuse a .keras or .npz file that would unpack to more.",
)  # fmt: skip
def doctor(target, **options) -> None:
    """Say why a constrained model breaks, and try what mends it.

    TARGET is file.py:factory, module:factory or model.keras; the Python of the first two is run.
    A model at the top level can stand in place of a factory. ":factory" can be left out where one
    function of the file alone needs no arguments.
    The batch comes from --data, from a make_batch() beside the factory, from --input-shape, or with
    the weights from --replay.
    What --select, --ignore and --fail-on do not say is taken from [tool.constrainit] of the nearest
    pyproject.toml.

    Exit status: 0 healthy, 1 findings at warning level or above (see --fail-on), 2 could not run.
    """
    from constrainit.doctor._command import run
    from constrainit.doctor._target import TargetError

    try:
        status = run(target, **options)
    except (TargetError, ConfigError) as reason:
        click.echo(f"constrainit: {reason}", err=True)
        status = CAN_NOT_RUN
    sys.exit(status)


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
    """Print the catalogue: every set with what it offers, or all about the set NAME, in any case.

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
    else:
        _text.show(_catalogue.parts(), _text.UNCUT)


@cli.command()
@click.argument("code", required=False)
def explain(code) -> None:
    """Explain a finding of the doctor.

    CODE is a code such as CW101, or a name such as infeasible-start; without it all are listed.
    """
    from constrainit.doctor import _explain

    if code is None:
        return _text.show(_explain.list_parts(), _text.UNCUT)
    try:
        rule = _explain.find(code)
    except ValueError as unknown:
        raise click.UsageError(str(unknown)) from None
    _text.show(_explain.page_parts(rule), _text.WIDTH)


cli.add_command(_check_command.check)
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
