"""`constrainit log`: what a log holds, in a terminal, as a page, as a table."""

import contextlib
import os
import sys
import time
from pathlib import Path

import click

from constrainit.log._storage import LogError

_REST = 10
"""How much longer than a look `--follow` waits for the next one."""


@click.command()
@click.argument("path", metavar="RUN.db", type=click.Path(path_type=Path))
@click.option("--weights", metavar="PATTERN", help="Only these, such as '*/kernel'.")
@click.option("--run", "number", type=click.IntRange(min=1), help="Which run. Default: the last.")
@click.option(
    "--follow", is_flag=True,
    help="Go on showing it while training goes on; in a file or a pipe whenever there is more.",
)  # fmt: skip
@click.option("--html", metavar="F.html", help="Write a page of plots, one file.")
@click.option("--csv", "table", metavar="F.csv", help="Write all records as a table.")
@click.option("--parquet", metavar="F.parquet", help="The same, through pyarrow.")
def log(path, weights, number, follow, html, table, parquet) -> None:
    """Show what a WeightLog has written.

    RUN.db may still be written while it is read.

    Exit status: 0 shown or written, 2 could not.
    """
    try:
        if follow:
            _follow(path, weights, number)
        elif html or table or parquet:
            _write(path, weights, number, html, table, parquet)
        else:
            _print(*_digests(path, weights, number))
    except (LogError, ImportError) as reason:
        click.echo(f"constrainit: {reason}", err=True)
        sys.exit(2)


def _digests(path, weights, number):
    from constrainit.log._reading import chosen, opened, run_of
    from constrainit.log._storage import digest

    with opened(path) as database:
        run = run_of(database, path, number)
        held = chosen(database, path, run.id, weights)
        return run, [(weight, digest(database, id_)) for id_, weight in held.items()]


def _print(run, held):
    from constrainit import _text
    from constrainit.log._summary import parts

    _text.show(parts(run, held), _text.UNCUT)


def _follow(path, weights, number):
    """Shows it again and again: in its place on a terminal, below one another elsewhere."""
    began = time.monotonic()
    try:
        with _live() if sys.stdout.isatty() else contextlib.nullcontext(_Below()) as shown:
            while True:
                shown(*_digests(path, weights, number))
                # A log of millions takes a look some time, which training needs on the machine.
                time.sleep(max(1.0, _REST * (time.monotonic() - began)))
                began = time.monotonic()
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        # Who reads has enough, as `head`; Python would complain of it once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _live():
    from rich.console import Console, Group
    from rich.live import Live

    from constrainit.log._summary import parts

    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        yield lambda run, held: live.update(Group(*parts(run, held)), refresh=True)


class _Below:
    """Prints what is new, in a file or a pipe, at once."""

    def __init__(self):
        self._last: object = None

    def __call__(self, run, held):
        if self._last == (run, held):
            return
        if self._last is not None:
            click.echo()
        self._last = (run, held)
        _print(run, held)


def _write(path, weights, number, html, table, parquet):
    from constrainit._files import is_same_file, write_whole
    from constrainit.log._reading import chosen, opened, run_of
    from constrainit.log._table import write_csv, write_parquet

    taken = {"RUN.db itself": path}
    for option, target in (("--html", html), ("--csv", table), ("--parquet", parquet)):
        if target is None:
            continue
        given = Path(target)
        for what, other in taken.items():
            if is_same_file(given, other):
                raise LogError(f"{option} must not be {what}: {target!r} would be lost.")
        taken[f"the same as {option}"] = given
        if not given.resolve().parent.is_dir():
            raise LogError(f"There is no folder {str(given.parent)!r} to write {option} to.")
        if given.is_dir():
            raise LogError(f"{option} must be the name of a file. {target!r} is a folder.")
    try:
        with opened(path) as database:
            run = run_of(database, path, number)
            held = chosen(database, path, run.id, weights)
            if html:
                from constrainit.log._outline import outlines
                from constrainit.log._page import page

                found = outlines(database, held)
                write_whole(Path(html), page(path, run, found, database))
                _say(html, "page of plots", sum(one.records for one in found.held), len(held))
            for target, write in ((table, write_csv), (parquet, write_parquet)):
                if target:
                    _say(target, "table", write(Path(target), database, held), len(held))
    except OSError as reason:
        raise LogError(f"The log can not be written out: {reason}.") from None


def _say(target, what, records, weights):
    from constrainit import _text

    weights = f"{weights} weight{'s' * (weights != 1)}"
    click.echo(f"{_text.visible(target)} written: a {what}, {records} records of {weights}")
