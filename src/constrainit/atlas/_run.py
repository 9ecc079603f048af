"""One run of the atlas: which cells are lacking, on how many processes, and what is shown of it."""

import contextlib
import dataclasses
import importlib
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras

import constrainit
from constrainit.atlas._cells import Row, measure
from constrainit.atlas._grid import SETS, Cell, Size, cells
from constrainit.atlas._storage import AtlasError, Storage


def run(
    sets: Sequence[str],
    activations: Sequence[str],
    dtypes: Sequence[str],
    size: Size,
    output: Path,
    figure: Path | None,
    jobs: int,
) -> str:
    """Measures the cells that the file lacks, draws the figure, and says what was done.

    Raises:
        AtlasError: Something can not be had; or the run was interrupted, which the same call
            takes up again.
    """
    _check_target(output, "--output")
    if figure is not None:
        _check_target(figure, "--figure")
        if figure.suffix.lower() not in (".svg", ".png"):
            raise AtlasError(f"--figure must end in .svg or .png. Received: {str(figure)!r}.")
        needed("matplotlib")
    if jobs > 1:
        needed("joblib")
    storage = Storage(output, settings(size))
    wanted = cells(sets, activations, dtypes)
    lacking = [cell for cell in wanted if cell not in storage.found]
    order = cells() + [cell for cell in storage.found if cell not in cells()]
    try:
        with _progress(len(wanted), len(wanted) - len(lacking)) as advance:
            for cell, rows in _measured(lacking, size, jobs):
                storage.add(cell, rows, order)
                advance()
    except KeyboardInterrupt:
        done = sum(cell in storage.found for cell in wanted)
        raise AtlasError(
            f"interrupted, {done} of {len(wanted)} cells are in {str(output)!r}; "
            "the same command resumes."
        ) from None
    if figure is not None:
        from constrainit.atlas._figure import draw

        draw({cell: storage.found[cell] for cell in wanted}, size, figure)
    text = f"{output}: {len(wanted)} cells, {len(lacking)} of them measured now"
    return text if figure is None else f"{text}\n{figure}"


def settings(size: Size) -> dict[str, object]:
    """What must be equal for cells to stand in one file."""
    return {
        **dataclasses.asdict(size),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "constrainit": constrainit.__version__,
        "sets": {name: repr(a_set) for name, a_set in SETS.items()},
    }


def needed(name: str) -> None:
    """Raises AtlasError where a package of the extra is missing."""
    try:
        importlib.import_module(name)
    except ImportError:
        raise AtlasError(f"{name} is not installed: pip install joblib matplotlib.") from None


def _check_target(path, option):
    if not path.resolve().parent.is_dir():
        raise AtlasError(f"There is no folder {str(path.parent)!r} to write {option} to.")
    if path.is_dir():
        raise AtlasError(f"{option} {str(path)!r} is a folder.")


@contextlib.contextmanager
def _progress(total, done):
    """A bar on stderr where that is a terminal, and the function that moves it on."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    console = Console(stderr=True)
    columns = (TextColumn("cells"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("cells", total=total, completed=done)
        yield lambda: bar.advance(task)


def _measured(lacking, size, jobs) -> Iterator[tuple[Cell, list[Row]]]:
    if jobs == 1 or len(lacking) < 2:
        for cell in lacking:
            yield _one(cell, size)
        return
    import joblib

    # One thread each: on small products the threads of several workers wait for one another.
    with _backend_inherited(), joblib.parallel_config("loky", inner_max_num_threads=1):
        pool = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
        with _ctrl_c_ignored():
            found = pool(joblib.delayed(_in_worker)(cell, size) for cell in lacking)
        yield from found


def _one(cell, size):
    arguments = dataclasses.asdict(size)
    a_set = SETS[cell.set]
    return cell, measure(a_set, cell.activation, way=cell.way, dtype=cell.dtype, **arguments)


@contextlib.contextmanager
def _ctrl_c_ignored():
    """Within, processes that are started ignore Ctrl-C, from their first import on."""
    # It reaches every process of the terminal; the one that started the others answers it.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _in_worker(cell, size):
    # A process that joblib starts later, in the place of another, has not inherited it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return _one(cell, size)


@contextlib.contextmanager
def _backend_inherited():
    """Within, processes that are started use the backend of this one."""
    before = os.environ.get("KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = keras.backend.backend()
    try:
        yield
    finally:
        if before is None:
            del os.environ["KERAS_BACKEND"]
        else:
            os.environ["KERAS_BACKEND"] = before
