"""The batch of the command line, from a file or a function to arrays; a step that was kept."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
from keras import tree

from constrainit._shapes import by_name, compared, in_declared_order, input_specs, misfits
from constrainit._words import with_article
from constrainit.doctor import _fault_file
from constrainit.doctor._archive import read_arrays
from constrainit.doctor._factories import BATCH_MAKER
from constrainit.doctor._limits import MAX_SIZE, ArchiveError
from constrainit.doctor._own_optimizer import inner_of
from constrainit.doctor._own_step import optimizers_of
from constrainit.doctor._replayed import Start
from constrainit.doctor._state import borrowed
from constrainit.doctor._target import TargetError, must_exist, one_line, running

SHAPES = "--input-shape"
"""Where a batch is from that is drawn for the given shapes."""


_LIKE_Y = ("target", "targets", "label", "labels", "y_true", "y_train")
"""What others call the targets; `Y` is told by its letter."""


def load_batch(
    model: keras.Model, module: ModuleType | None, data: str | None, max_size: int = MAX_SIZE
) -> tuple[Any, Any]:
    """`(x, y)` for a model from a file, from `make_batch` of the module, or `(None, None)`.

    Raises:
        TargetError: The file can not be read, or `make_batch` raises or returns something else.
    """
    if data is not None:
        return _arrays(model, Path(data), max_size)
    make = getattr(module, BATCH_MAKER, None)
    if make is None:
        return None, None
    with running("'make_batch'"):
        batch = make()
    if not isinstance(batch, tuple) or len(batch) != 2:
        raise TargetError(
            "'make_batch' must return (x, y), or (x, None) where there are no targets. It returned "
            f"{with_article(type(batch).__name__)}."
        )
    return batch


def _arrays(model, path, max_size):
    if ".py:" in path.name:
        raise TargetError(
            f"--data must be an .npz file with arrays x and y. It was {str(path)!r}. A function is "
            f"taken by its name: write {BATCH_MAKER}() beside the factory, and leave --data out."
        )
    must_exist(path)
    try:
        arrays = read_arrays(path, max_size)
    except ArchiveError as reason:
        raise TargetError(f"{str(path)!r} is not read: it {reason}.") from None
    specs = input_specs(model)
    names = list(by_name(specs)) if len(tree.flatten(specs)) > 1 else ["x"]
    if not all(name in arrays for name in names):
        each, written = "an array 'x'", "x=x, y=y"
        if names != ["x"]:
            each = f"an array for each input ({', '.join(map(repr, names))})"
            written = f"y=y, {', '.join(f'{name}=...' for name in names)}"
        raise TargetError(
            f"{str(path)!r} must hold {each}, and 'y' for the targets. It holds: "
            f"{', '.join(map(repr, arrays)) or 'nothing'}. Write it with "
            f"np.savez(file, {written})."
        )
    targets = _targets(model, arrays)
    taken = [name for name in targets if all(one in arrays for one in targets)]
    others = [name for name in arrays if name not in (*names, *taken)]
    if others:
        raise TargetError(f"{str(path)!r} {_besides(model, names, targets, taken, others)}")
    x, y = {name: arrays[name] for name in names}, [arrays[name] for name in taken]
    if names == ["x"]:
        x = x["x"] if specs is None else in_declared_order(lambda _: arrays["x"], specs)
    if len(y) > 1:
        each = iter(y)
        return x, in_declared_order(lambda _: next(each), model._outputs_struct)
    return x, y[0] if y else None


def _targets(model, arrays):
    """The names that the targets have in a file: 'y', or those of several outputs."""
    outputs = getattr(model, "_outputs_struct", None)
    if "y" in arrays or len(tree.flatten(outputs)) < 2:
        return ["y"]
    return list(outputs) if isinstance(outputs, dict) else list(model.output_names)


def _besides(model, names, targets, taken, others):
    """That a file holds arrays which would be dropped: one may be meant for the targets."""
    meant = [name for name in others if name.lower() in _LIKE_Y]
    hint = ""
    if not taken and meant and targets == ["y"]:
        hint = f" Did you mean 'y' in place of {meant[0]!r}?"
    return (
        f"must hold nothing but what {model.name!r} takes: {', '.join(map(repr, names))} for the "
        f"input{'s' * (len(names) > 1)}, and {', '.join(map(repr, targets))} for the targets. "
        f"It holds besides: {', '.join(map(repr, others))}.{hint}"
    )


def load_fault(
    model: keras.Model, file: str, max_size: int = MAX_SIZE, *, with_optimizer: bool = True
) -> tuple[Any, Any, list[str], Start]:
    """Puts a model where a file of `StopAtFault` says; the batch, what to say, where it was.

    Args:
        model: Built or not.
        file: The name of the file.
        max_size: How many bytes it may unpack to.
        with_optimizer: Whether the model's optimizer is put there, too.

    Raises:
        TargetError: The file can not be read, or is of another model.
    """
    path = Path(file)
    must_exist(path)
    try:
        kept = _fault_file.read(path, max_size)
        x, y, weights = _fault_file.parts(kept.data)
        said = [one_line(f"replayed from {file}: {kept.about.get('text')}")]
        left_out, start = _fault_file.restore(model, kept, x, with_optimizer)
    except ArchiveError as reason:
        raise TargetError(f"{file!r} is not read: it {reason}.") from None
    if weights is not None:
        left_out.append("the weights of samples are left out")
    check_batch(model, x, file)
    return x, y, said + left_out, start


@contextlib.contextmanager
def replayed(model: keras.Model, file: str, **named: Any) -> Iterator[Any]:
    """Gives what `load_fault` does; afterwards the model and its optimizers are as they were.

    Raises:
        ValueError: As the TargetError of `load_fault`.
    """
    optimizers = optimizers_of(model)
    with borrowed(model, [part for one in optimizers for part in (one, inner_of(one))]):
        try:
            found = load_fault(model, file, **named)
        except TargetError as reason:
            raise ValueError(f"`replay` of `diagnose`: {reason}") from None
        yield found


def check_batch(model: keras.Model, x: Any, source: str) -> None:
    """Raises TargetError if a built model can not take the shape of `x`."""
    specs = input_specs(model)
    if specs is None:
        return
    given, inputs = len(tree.flatten(x)), len(tree.flatten(specs))
    if source == SHAPES and given != inputs:
        shown = ", ".join(f"{name!r} {spec.shape[1:]}" for name, spec in by_name(specs).items())
        raise TargetError(
            f"{source} must be given once for each of the {inputs} inputs, in this order, without "
            f"the size of the batch: {shown}. Received: {given}."
        )
    for shape, wanted in misfits(specs, x):
        # What it lacks, or has besides, Keras itself tells.
        if shape is not None and wanted is not None:
            if isinstance(x, dict):
                must, came, hint = compared(specs, x, model.name)
                raise TargetError(f"{source} must {must}. It has {came}.{hint}")
            shown = tuple("batch" if i == 0 else size for i, size in enumerate(wanted))
            raise TargetError(f"{source} has the shape {shape}, but the model takes {shown}.")
