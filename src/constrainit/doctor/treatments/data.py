"""Remedies in the data: examples that are finite, inputs that are scaled, labels that fit."""

import keras
import numpy as np
from keras import ops

from constrainit.doctor._data import needed_steps
from constrainit.doctor._exchanged_labels import exchanged
from constrainit.doctor._far_targets import LARGE, as_scaled, divided
from constrainit.doctor._labels import both_signs
from constrainit.doctor._statistics import standardized, to_numpy
from constrainit.doctor.rules.cw605_target_out_of_reach import from_zero_to_one, is_of_two
from constrainit.doctor.treatments._remedy import Changed, with_other


def scaled_data(problem, evidence, found):
    """Inputs and targets of mean zero and deviation one, where they are far from it."""
    far = _far(evidence)
    if not far:
        return None
    x, y = _scaled(problem.x), problem.y
    bounded = any(np.isfinite([made.low, made.high]).any() for made in evidence.losses_of)
    if any(d.name.startswith("y") for d in far) and not bounded:
        y = _scaled(y)
    other = with_other(problem, x=x, y=y)
    return Changed(
        "the data is brought to mean zero and deviation one",
        other,
        scaling(x),
    )


def between_zero_and_one(problem, evidence, found):
    """Inputs whose least is zero and whose largest is one, for what cuts them off at these."""
    if not any(d.name.startswith("x") for d in _far(evidence)) or keras.tree.is_nested(problem.x):
        return None
    x = to_numpy(problem.x)
    low, high = x.min(axis=0), x.max(axis=0)
    scaled = (x - low) / np.where(high > low, high - low, 1.0)
    return Changed(
        "inputs brought to between zero and one",
        with_other(problem, x=ops.cast(scaled, problem.x.dtype)),
        "x = (x - x.min(axis=0)) / (x.max(axis=0) - x.min(axis=0))",
    )


def scaling(x):
    """The code that brings inputs to mean zero and deviation one, however they are held."""
    if not keras.tree.is_nested(x):
        return "x = (x - x.mean(axis=0)) / x.std(axis=0)"
    return (
        "x = keras.tree.map_structure(\n"
        "    lambda part: (part - part.mean(axis=0)) / np.maximum(part.std(axis=0), 1e-6)\n"
        "    if part.dtype.kind == 'f' else part, x)"
    )


def scaled_targets(problem, evidence, found):
    """Targets of mean zero and deviation one, where they are too far for the steps."""
    if evidence.far_targets is None:
        return None
    if evidence.far_targets.divisor:
        return divided_targets(problem, evidence, found)
    return Changed(
        "the targets are brought to mean zero and deviation one",
        with_other(problem, y=as_scaled(problem.y)),
        "mean, deviation = y.mean(axis=0), y.std(axis=0)\n"
        "y = (y - mean) / deviation  # and predictions of them times deviation, plus mean",
    )


def divided_targets(problem, evidence, found):
    """Targets that are never below zero, as a loss may need them, divided by their mean."""
    bounded = any(np.isfinite([made.low, made.high]).any() for made in evidence.losses_of)
    made = None if bounded else divided(problem.y)
    if made is None:
        return None
    y, size = made.y, made.divisor
    place, which = (
        ("y", "") if made.every else (f"y[..., {made.columns}]", f" in the columns {made.columns}")
    )
    scaled = any(d.name.startswith("x") for d in _far(evidence))
    x = _scaled(problem.x) if scaled else problem.x
    return Changed(
        f"the targets{which} divided by {size:g}, so that none is below zero"
        + (", and the inputs brought to mean zero and deviation one" if scaled else ""),
        with_other(problem, x=x, y=y),
        f"{place} = {place} / {size:g}  # and predictions of them times {size:g}"
        + (f"\n{scaling(x)}" if scaled else ""),
    )


def _far(evidence):
    """The arrays of floats that are far from mean zero and deviation one."""
    return [
        d for d in evidence.data
        if not d.integer and not d.nonfinite and abs(d.mean) + d.deviation > LARGE
    ]  # fmt: skip


def _scaled(values):
    def one(part):
        if "float" not in keras.backend.standardize_dtype(part.dtype):
            return part
        return ops.cast(standardized(part), part.dtype)

    return keras.tree.map_structure(one, values)


def finite_rows(problem, evidence, found):
    """The examples without NaN and infinity."""
    parts = [to_numpy(part) for part in keras.tree.flatten((problem.x, problem.y))]
    good = np.all([np.isfinite(p).reshape(len(p), -1).all(axis=1) for p in parts], axis=0)
    code = "good = np.isfinite(x).all(axis=tuple(range(1, x.ndim)))\nx, y = x[good], y[good]"
    if keras.tree.is_nested(problem.x) or keras.tree.is_nested(problem.y):
        code = (
            "good = np.all([np.isfinite(part).reshape(len(part), -1).all(axis=1)\n"
            "               for part in keras.tree.flatten((x, y))], axis=0)\n"
            "x, y = keras.tree.map_structure(lambda part: part[good], (x, y))"
        )
    return _rows(problem, good, "that are finite", code)


def labels_that_fit(problem, evidence, found):
    """The examples whose labels the steps of the output suffice for."""
    if len(evidence.losses_of) != 1 or not evidence.losses_of[0].short:
        return None
    good = needed_steps(to_numpy(problem.y)) <= evidence.losses_of[0].frames
    return _rows(problem, good, "whose labels fit into the steps", "")


def _rows(problem, good, which, code):
    """Only the examples of a batch that are good, if there are others."""
    if good.all() or not good.any():
        return None
    rows = np.flatnonzero(good)
    x, y = keras.tree.map_structure(
        lambda part: ops.take(part, rows, axis=0), (problem.x, problem.y)
    )
    said = f"only the {len(rows)} of {len(good)} examples {which}"
    return Changed(said, with_other(problem, x=x, y=y), code)


def targets_in_a_column(problem, evidence, found):
    """Targets `(batch, 1)` for steps or losses of the user's own that compare all pairs."""
    own = evidence.pairs or (evidence.own is not None and evidence.own.pairs)
    losses = evidence.losses_of
    if not own and not (len(losses) == 1 and losses[0].pairs):
        return None
    return Changed(
        "targets of the shape (batch, 1)",
        with_other(problem, y=ops.expand_dims(problem.y, axis=-1)),
        "y = y[:, None]",
    )


def targets_laid_out(problem, evidence, found):
    """Targets in the layout of the predictions of an example, of which there are as many."""
    parts, places = keras.tree.flatten(problem.y), _places(evidence, lambda made: made.layout)
    told = ""
    for place in places:
        shape = (-1, *evidence.losses_of[place].layout)
        parts[place] = ops.reshape(parts[place], shape)
        told = told or f"y.reshape({', '.join(map(str, shape))})"
    return _of_targets(problem, f"targets as {told}", parts, places, f"y = {told}")


def labels_from_zero(problem, evidence, found):
    """Labels that are as many as the classes, numbered from zero."""
    numbers = [f.evidence for f in found if "classes" in f.evidence]
    if len(numbers) != 1 or len(keras.tree.flatten(problem.y)) != 1:
        return None
    low, high, classes = (numbers[0][name] for name in ("low", "high", "classes"))
    if low == 0 or high - low > classes - 1:
        return None
    shift = int(low)
    y = keras.tree.map_structure(lambda part: part - ops.cast(shift, part.dtype), problem.y)
    return Changed(
        f"labels from 0 to {high - low:.0f} in place of {low:.0f} to {high:.0f}",
        with_other(problem, y=y),
        f"y = y - {shift}" if shift > 0 else f"y = y + {-shift}",
    )


def without_the_first_column(problem, evidence, found):
    """One-hot targets of as many columns as there are units: without that of no class."""
    parts, places = keras.tree.flatten(problem.y), _places(evidence, lambda made: made.empty)
    for place in places:
        parts[place] = parts[place][..., 1:]
    code = "y = y[..., 1:]  # or keras.utils.to_categorical(labels - 1)"
    return _of_targets(problem, "targets without the column of no class", parts, places, code)


def labels_of_zero_and_one(problem, evidence, found):
    """Targets of two numbers as zeros and ones."""
    parts = keras.tree.flatten(problem.y)
    places = _places(
        evidence,
        lambda made: made.name == "binary_crossentropy" and is_of_two(made.target)
        and (made.target.low, made.target.high) != (0, 1),
    )  # fmt: skip
    code = ""
    for place in places:
        target = evidence.losses_of[place].target
        shifted = (ops.cast(parts[place], "float32") - target.low) / (target.high - target.low)
        parts[place], code = shifted, f"y = {from_zero_to_one(target)}"
    return _of_targets(problem, "labels of 0 and 1", parts, places, code)


def _places(evidence, is_meant):
    """The outputs whose losses are meant."""
    return [place for place, made in enumerate(evidence.losses_of) if is_meant(made)]


def _of_targets(problem, change, parts, places, code):
    """Other targets for some of the outputs; None if there are none such."""
    if not places or len(parts) != len(problem.losses()):
        return None
    y = keras.tree.pack_sequence_as(problem.y, parts)
    code = f"{code}  # of output {places[0]}" if len(parts) > 1 else code
    return Changed(change, with_other(problem, y=y), code)


def targets_in_other_order(problem, evidence, found):
    """The targets of two outputs in the place of each other."""
    pairs = [(p, m.other) for p, m in enumerate(evidence.losses_of) if m.other is not None]
    if not pairs:
        return None
    at, other = pairs[0]
    parts = keras.tree.flatten(problem.y)
    parts[at], parts[other] = parts[other], parts[at]
    names = [evidence.losses_of[place].layer for place in (at, other)]
    code = ""
    if isinstance(problem.y, (list, tuple)):
        code = f"y[{at}], y[{other}] = y[{other}], y[{at}]"
    return Changed(
        f"the targets of {names[0]} and {names[1]} in the other order",
        with_other(problem, y=keras.tree.pack_sequence_as(problem.y, parts)),
        code,
    )


def labels_of_both_signs(problem, evidence, found):
    """Labels of -1 in place of those of zero, which the loss does not look at."""
    if len(evidence.losses_of) != 1 or not evidence.losses_of[0].passed_over:
        return None
    return Changed(
        "labels of -1 in place of 0",
        with_other(problem, y=both_signs(problem.y)),
        "y = np.where(y == 0, -1, y)",
    )


def labels_exchanged(problem, evidence, found):
    """Labels of 1 in place of 0, and of 0 in place of 1, which a loss is learnt with."""
    if evidence.exchanged_labels is None:
        return None
    return Changed(
        "labels of 1 and 0 exchanged",
        with_other(problem, y=exchanged(problem.y)),
        "y = 1 - y  # or exchange the two parts of the loss",
    )
