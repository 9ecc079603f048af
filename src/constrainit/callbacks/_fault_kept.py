"""The files in which `StopAtFault` keeps the steps that failed."""

import dataclasses
import pathlib
from typing import Any

import keras

from constrainit import _checks
from constrainit.callbacks._fault_names import Fault
from constrainit.callbacks._log_hub import is_chief


def check_path(path: pathlib.Path | None) -> None:
    """Refuses a path at which no step can be kept.

    Raises:
        ValueError: There is no folder for it, or it is the file of something else.
    """
    if path is None:
        return
    _checks.in_folder("StopAtFault", "path", path)
    if path.exists():
        _check_free(path)


def _check_free(path):
    from constrainit.doctor import _fault_file

    if not _fault_file.may_replace(path):
        raise ValueError(
            f"{str(path)!r} is no file of `StopAtFault` and is left as it is. Give another path."
        )


def kept(
    fault: Fault, path: pathlib.Path | None, number: int, data: Any, model: keras.Model
) -> tuple[Fault, str]:
    """Writes the step of a fault; gives the fault with its file, and a sentence about it.

    Args:
        fault: What was found.
        path: The file of the first fault of a `fit`; None keeps none.
        number: Which fault of the `fit` it is, from 1.
        data: The batch.
        model: As it was before the step.
    """
    if path is None or not is_chief():
        return fault, ""
    if number > 1:
        path = path.with_name(f"{path.stem}.{number}{path.suffix}")
    from constrainit.doctor import _fault_file

    try:
        if path.exists():
            _check_free(path)
        _fault_file.write(path, fault.about(), data, model)
    # RuntimeError: JAX, of a batch that lies in several processes.
    except (OSError, RuntimeError, TypeError, ValueError) as reason:
        return fault, f" The step could not be kept: {str(reason).removesuffix('.')}."
    told = f" constrainit doctor MODEL --replay {path} takes the step once more."
    return dataclasses.replace(fault, path=str(path)), told
