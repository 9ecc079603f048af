"""For test suites: a model whose weights must be inside their sets."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit._check import NOTHING, PACED, CheckRow, check
from constrainit.model import constrained_records


def assert_feasible(model: keras.Model, constrained: str | Iterable[str] = ()) -> None:
    """Fails unless every weight of a model is finite, and inside its set where it has one.

    For a test of a model's start, or of its weights after training:
    `constrainit.testing.assert_feasible(make_model())`. A weight counts as inside within the
    rounding of its dtype, as in `constrainit.check`, which also finds constraints that raise and
    such that work along other axes than their layer.

    Args:
        model: A built Keras model or layer.
        constrained: Pattern, or patterns, of the weights that must have a constraint or be computed
            by a `Reparametrized`: `"*/kernel"`.

    Raises:
        AssertionError: A weight is not; the message names each one, by how much it is outside and
            the entry that its constraint would move most. Or no weight has a constraint, or one
            that must have one.
        ValueError: `model` is no Keras model or layer, or is not built; a pattern matches nothing.
    """
    __tracebackhide__ = True
    table = check(model, constrained)
    if not table.rows:
        raise AssertionError(f"{model.name!r}: {NOTHING}")
    bad = [row for row in table.rows if not row.ok]
    if bad:
        records = {record.path: record for record in constrained_records(model)}
        lines = [f"  {row.weight}: {_fault(row, records.get(row.weight))}" for row in bad]
        count = f"{len(bad)} weight{'s' * (len(bad) > 1)}"
        raise AssertionError("\n".join([f"{count} of {model.name!r} {_what(bad)}:", *lines]))


def _what(bad: list[CheckRow]) -> str:
    free = [not row.set and not row.error for row in bad]
    inside = "not inside the set of the constraint"
    return "not finite" if all(free) else f"not finite or {inside}" if any(free) else inside


def _fault(row: CheckRow, record: Any) -> str:
    if not row.set:
        return row.verdict
    if row.error:
        return f"the constraint raises {row.error}"
    if not row.finite:
        return f"not finite ({row.set})"
    if row.axis:
        return f"the constraint {row.axis} ({row.set})"
    entry = "" if record is None else f"; the worst entry is {_worst(record)}"
    why = PACED.replace("outside,", ";", 1) if row.paced else ""
    return f"outside by {row.violation:.3g}: {row.set}{entry}{why}"


def _worst(record: Any) -> str:
    """The entry that the constraint would move most: its place, its value and its image."""
    value = record.value
    image = record.resolved(record.constraint).project(value)
    before, after = (
        np.asarray(ops.convert_to_numpy(ops.cast(part, "float32"))) for part in (value, image)
    )
    place = np.unravel_index(np.argmax(np.abs(after - before)), before.shape)
    shown = ", ".join(map(str, map(int, place)))
    return f"[{shown}] = {before[place]:.6g}, allowed {after[place]:.6g}"
