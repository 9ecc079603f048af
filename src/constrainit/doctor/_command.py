"""What `constrainit doctor` does."""

import math
import random
import re
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np

from constrainit import _text
from constrainit._config import read_config
from constrainit._files import is_same_file, write_whole
from constrainit.doctor import _arguments, _choice, _diagnose
from constrainit.doctor._batch import BATCH, inputs_for
from constrainit.doctor._fix import write_fixed
from constrainit.doctor._given_batch import SHAPES, check_batch, load_batch, load_fault
from constrainit.doctor._limits import shown
from constrainit.doctor._report import ENDS, FORMS, Report
from constrainit.doctor._target import TargetError, load_target, running
from constrainit.doctor.rendering._words import summary, verdict

HEALTHY, FINDINGS = 0, 1


def run(
    target: str,
    data: str | None,
    replay: str | None,
    shapes: tuple[str, ...],
    imports: tuple[str, ...],
    form: str | None,
    output: str | None,
    html: str | None,
    seed: int,
    steps: int | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: str | None,
    fix: str | None,
    max_size: int,
) -> int:
    """Diagnoses a model and shows the report; the exit status.

    Raises:
        TargetError: It can not be done, with one sentence that says why.
        ConfigError: The project's configuration is wrong.
    """
    config, sizes = read_config(Path.cwd()), _shapes(shapes, max_size * 2**20)
    only, ignored = _codes("--select", select, config), _codes("--ignore", ignore, config)
    thresholds = _thresholds(config)
    if html is not None:
        if output is not None or form is not None:
            raise TargetError("--html says where and in which form: leave out --output, --format.")
        output, form = html, "html"
    output = None if output == "-" else output
    _check_output(
        output, {"TARGET": _source(target), "--data": data, "--replay": replay, "--fix": fix}
    )
    form = form or _form_of(output)
    source = _source(target)
    mended = None if fix is None else _Mended(_fix_target(fix, source))
    if data is not None and sizes is not None:
        raise TargetError("--data and --input-shape exclude one another: give one of them.")
    if replay is not None and (data is not None or sizes is not None):
        raise TargetError("--replay brings its own batch: leave out --data and --input-shape.")
    _seed(seed)
    model, module = load_target(target, imports, max_size * 2**20)
    x, y, said, start = None, None, [], None
    if replay is not None:
        x, y, said, start = load_fault(model, replay, max_size * 2**20)
    elif data is not None or not sizes:
        x, y = load_batch(model, module, data, max_size * 2**20)
    if replay is None and x is not None:
        check_batch(model, x, data or "What make_batch returned")
    elif sizes is not None:
        check_batch(model, inputs_for(model, sizes, seed), SHAPES)
    source = source or str(getattr(module, "__file__", None) or "")
    try:
        if replay is None:  # What `fit` was given may be of a generator, that says it otherwise.
            _arguments.as_many(x, y)
        with running("Diagnosing the model", only_ends=True):
            report = _diagnose.examine(
                model, x, y, None, None, seed, sizes, steps, source, mended and mended.write, said,
                start=start,
            )  # fmt: skip
        report = _choice.chosen(report, only, ignored, thresholds)
    except ValueError as reason:
        raise TargetError(str(reason)) from None
    except MemoryError as reason:
        raise TargetError(
            f"The memory does not suffice for this model and batch: {reason}"
        ) from None
    _show(report, form, output)
    if mended is not None:
        click.echo(f"constrainit: {mended.said}", err=True)
    return FINDINGS if _choice.fails(report, fail_on or config.fail_on) else HEALTHY


class _Mended:
    """Writes the treated model when the doctor is done, and keeps what came of it."""

    def __init__(self, target: Path):
        self.target = target
        self.said = "--fix: no model was written: the model can not be built"

    def write(self, *parts: Any) -> None:
        done, said = write_fixed(self.target, *parts)
        self.said = said if done else f"--fix: no model was written: {said}"


def _fix_target(fix, source):
    path = Path(fix)
    if path.suffix != ".keras" or not _has_folder(path):
        raise TargetError(
            f"--fix must be the name of a .keras file in a folder that exists. Received: {fix!r}."
        )
    if source and is_same_file(path, Path(source)):
        raise TargetError(f"--fix must not be TARGET itself: {fix!r} would be lost.")
    return path


def _source(target):
    """The file that a target names, or an empty string for a module."""
    place = target if target.endswith(".keras") else target.rpartition(":")[0]
    return place if place.endswith((".keras", ".py")) else ""


def _codes(option, texts, config):
    """The codes of an option, or of the configuration where the option is not given."""
    name, where = option.removeprefix("--"), option
    codes = [code for text in texts for code in text.split(",")]
    if not codes:
        codes, where = getattr(config, name), f"`{name}` of [tool.constrainit]"
    try:
        return _choice.codes_of(codes)
    except ValueError as unknown:
        raise TargetError(f"{where}: {unknown}") from None


def _thresholds(config):
    try:
        return {
            code: n for text, n in config.thresholds.items() for code in _choice.codes_of([text])
        }
    except ValueError as unknown:
        raise TargetError(f"`thresholds` of [tool.constrainit]: {unknown}") from None


def _check_output(output, others):
    for name, other in others.items():
        if output and other and is_same_file(Path(output), Path(other)):
            raise TargetError(f"The report must not go to {name}: {output!r} would be lost.")
    if output is not None and not _has_folder(Path(output)):
        raise TargetError(f"There is no folder {str(Path(output).parent)!r} to write --output to.")


def _form_of(output):
    """The form that the name of a file says; text where it says nothing."""
    end = Path(output or "").suffix
    if end and end not in FORMS:
        raise TargetError(
            f"--output must end in {ENDS}, unless --format says the form. Received: {output!r}."
        )
    return FORMS.get(end, "text")


def _has_folder(path):
    try:
        return path.resolve().parent.is_dir()
    # A name with a null in it, or one that is too long.
    except (OSError, ValueError):
        return False


def _seed(seed):
    """As `keras.utils.set_random_seed`, which imports TensorFlow on every backend: seconds."""
    if keras.backend.backend() == "tensorflow":
        keras.utils.set_random_seed(seed)
    elif keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002


def _shapes(texts, max_size):
    shapes = []
    for text in texts:
        parts = [part.strip() for part in text.split(",")]
        if not all(re.fullmatch(r"0*[1-9][0-9]{0,17}", part, re.ASCII) for part in parts):
            raise TargetError(
                "--input-shape must be positive integers with commas, such as 28,28,1. "
                f"Received: {text!r}."
            )
        shapes.append(tuple(int(part) for part in parts))
    size = sum(4 * BATCH * math.prod(shape) for shape in shapes)
    if size > max_size:
        raise TargetError(
            f"--input-shape asks for a batch of {shown(size)}, more than {shown(max_size)} "
            "(--max-size)."
        )
    return shapes or None


def _show(report: Report, form: str, output: str | None) -> None:
    if output is not None:
        try:
            write_whole(Path(output), report.rendered(form) + "\n")
        except OSError as reason:
            raise TargetError(f"--output {output!r} can not be written: {reason}") from None
        # Not to the standard output, which may be that file.
        for found in summary(report):
            click.echo(_text.visible(found), err=True)
        said = f"{verdict(report)}; the report is written to {_text.visible(output)}"
        click.echo(f"constrainit: {said}", err=True)
    elif form == "text":
        _text.show(report.parts(), _text.WIDTH)
    else:
        click.echo(report.rendered(form))
