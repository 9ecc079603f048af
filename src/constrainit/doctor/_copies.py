"""Weights that are a copy of another one's values, and not that weight."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from constrainit.doctor._plain import custom_layers, differ, holds_distinct, is_plain, outputs_of
from constrainit.doctor._recording import is_custom
from constrainit.doctor._state import attribute
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.engines import engine
from constrainit.model import WeightRecord


@dataclass(frozen=True)
class CopiedWeight:
    """A weight that starts as another one.

    Attributes:
        copy: The weight.
        record: The other one, which is trained.
        turned: Whether it is the transpose.
        path: What `call` may write for the other weight, or an empty string.
    """

    copy: WeightRecord
    record: WeightRecord
    turned: bool
    path: str


def copies(records: list[WeightRecord]) -> list[CopiedWeight]:
    """Weights that hold what a trained one holds.

    Of those that are not trained only if rows and columns are swapped: as it stands, a copy may be
    the target that a network is trained towards; a transposed one is meant to be tied. Of those
    that are trained themselves only in layers of the user's own that keep the layer of the other,
    of entries that differ.
    """
    matrices = [r for r in records if len(r.shape) == 2 and min(r.shape) > 1]
    pairs = [
        (copy, own) for copy in matrices for own in matrices
        if own.variable.trainable and copy is not own and sorted(copy.shape) == sorted(own.shape)
    ]  # fmt: skip
    found = []
    for copy, own in pairs:
        path = _path(copy.layer, own) if is_custom(copy.layer) else ""
        if copy.variable.trainable and not (path and holds_distinct(copy.variable.value)):
            continue
        turned = _is_start(to_numpy(copy.variable), own)
        varies = np.ptp(to_numpy(copy.variable)) > 0
        if varies and (turned or (turned is False and copy.variable.trainable)):
            found.append(CopiedWeight(copy, own, turned, path))
    return found


def left_behind(pairs: list[CopiedWeight]) -> list[CopiedWeight]:
    """Those that no longer hold the same, once steps were taken."""
    return [one for one in pairs if _is_start(to_numpy(one.copy.variable), one.record) is None]


@dataclass(frozen=True)
class KeptCopy:
    """A tensor of a layer that holds the start of a weight.

    Attributes:
        layer: The layer.
        name: Its attribute.
        record: The weight.
        turned: Whether it is the transpose.
        path: What `call` may write for the weight, or an empty string.
    """

    layer: Any
    name: str
    record: WeightRecord
    turned: bool
    path: str


def kept_copies(problem: Any, records: list[WeightRecord]) -> list[KeptCopy]:
    """Tensors and arrays of the user's own layers that hold what a trained matrix holds.

    The outputs depend on them. Left out is what is the memory of the weight itself, as a view.
    """
    matrices = [
        r for r in records if r.variable.trainable and len(r.shape) == 2 and min(r.shape) > 1
    ]
    if not matrices or not problem.is_small:
        return []
    found = []
    # What the user's model raises here it has raised before.
    with contextlib.suppress(Exception):
        candidates = list(_copied(problem.model, matrices))
        before = outputs_of(problem) if candidates else []
        for made in candidates:
            with attribute(made.layer, made.name, getattr(made.layer, made.name) * 0.5):
                after = outputs_of(problem)
            if differ(before, after):
                found.append(made)
    return found


def _copied(model, matrices) -> Iterator[KeptCopy]:
    for layer in custom_layers(model):
        for name, value in list(vars(layer).items()):
            array = isinstance(value, np.ndarray) and value.dtype.kind == "f"
            if not (array or is_plain(value)) or not holds_distinct(ops.convert_to_tensor(value)):
                continue
            held = _numbers(value)
            for record in matrices:
                live = not array and engine().is_memory_of(value, [record.variable])
                turned = _is_start(held, record)
                if turned is not None and not live:
                    path = _path(layer, record)
                    yield KeptCopy(layer, name, record, turned, path)


def _numbers(value):
    return value if isinstance(value, np.ndarray) else to_numpy(ops.stop_gradient(value))


def _is_start(held, record):
    """Whether numbers are those of a weight, turned (True) or as they stand; None if others."""
    if sorted(held.shape) != sorted(record.shape):
        return None
    own = to_numpy(record.variable)
    return next((t for t in (True, False) if np.array_equal(held, own.T if t else own)), None)


def _path(layer, record):
    # PyTorch keeps layers apart.
    inner = {**vars(layer), **vars(layer).get("_modules", {})}
    names = [name for name, value in inner.items() if value is record.layer]
    return f"self.{names[0]}.{record.variable.name}" if names else ""


def kept_behind(kept: list[KeptCopy]) -> list[KeptCopy]:
    """Those that no longer hold what the weight does, once steps were taken."""
    return [
        one for one in kept
        if _is_start(_numbers(getattr(one.layer, one.name)), one.record) is None
    ]  # fmt: skip
