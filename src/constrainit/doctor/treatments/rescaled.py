"""A remedy for starts of the wrong size: each kernel scaled to what the batch makes of it."""

from typing import Any

import keras
import numpy as np

from constrainit._words import listed
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import given_in_prediction, is_custom
from constrainit.doctor._state import attribute
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._pastes import variable
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import start_at
from constrainit.model import walk

_ROUNDS = 4
_SAME = 1.2
"""A factor that is nearer to one is left out."""


def to_unit_size(problem, evidence, found):
    """The named kernels, one after the other, so that what goes into activations is about one.

    Where a signal fades, that is by how much it varies over the batch: then each unit is centered,
    too, so that larger kernels do not shift it to a flat end.
    """
    fading = any(finding.code == "CW504" for finding in found)
    paths = {path for finding in found for path in finding.evidence.get("kernels", ())}
    order = [output.layer for output in evidence.outputs]
    records = [record for record in walk(problem.model) if record.path in paths]
    records = [record for record in records if record.layer.name in order]
    if not records or not problem.is_small:
        return None
    # Which axes feed a unit of a layer of the user's own is not known.
    centers = fading and not any(is_custom(record.layer) for record in records)
    factors = []
    for record in sorted(records, key=lambda record: order.index(record.layer.name)):
        if centers:
            start_at(record, _centered(record))
        size = size_before_activation(problem, record.layer, fading)
        if not size > 0 or not np.isfinite(size):
            return None
        factor = float(f"{1 / size:.3g}")
        if fading or not 1 / _SAME < factor < _SAME:
            start_at(record, factor * to_numpy(record.variable))
            factors.append((record, factor))
    if not factors:
        return None
    told = listed([f"{record.path} times {factor:g}" for record, factor in factors])
    how = "varies by about one" if fading else "is about one"
    how = f"scaled so that what goes into each activation {how}"
    how = f"centered and {how}" if centers else how
    return Changed(f"kernels {how}: {told}", code=_code(problem, factors, centers))


def to_kept_size(problem, evidence, found):
    """The kernels in layers that each multiply the signal, so that what each gives is about one.

    One layer after the other, and again where what it gives does not go with its kernels.
    """
    paths = {path for finding in found for path in finding.evidence.get("within", ())}
    # What these hold is run before they give something.
    order = [name for finding in found for name in finding.evidence.get("layers", ())]
    within = {}
    for record in [one for one in walk(problem.model) if one.path in paths]:
        name = next(name for name in order if f"/{name}/" in f"/{record.path}")
        within.setdefault(name, []).append(record)
    if not within or not problem.is_small:
        return None
    factors = []
    for name in sorted(within, key=order.index):
        layer = next(one for one in problem.model._flatten_layers() if one.name == name)
        starts, factor = [to_numpy(record.variable) for record in within[name]], 1.0
        for _ in range(_ROUNDS):
            size = size_before_activation(problem, layer, False)
            if not size > 0 or not np.isfinite(size):
                return None
            if 1 / _SAME < size < _SAME:
                break
            factor = float(f"{factor / size ** (1 / len(starts)):.3g}")
            for record, start in zip(within[name], starts, strict=True):
                start_at(record, factor * start)
        factors += [(record, factor) for record in within[name]]
    told = listed([f"{record.path} times {factor:g}" for record, factor in factors])
    return Changed(
        f"kernels scaled so that what each layer gives is about one: {told}",
        code=_code(problem, factors, False),
    )


def less_added(problem, evidence, found):
    """The last kernel of each layer that adds to what it is given, divided by their number.

    None where nothing comes through with these at zero: then they do not add.
    """
    paths = {path for finding in found for path in finding.evidence.get("branches", ())}
    records = [record for record in walk(problem.model) if record.path in paths]
    if not records or not problem.is_small:
        return None
    starts = [to_numpy(record.variable) for record in records]
    for record, start in zip(records, starts, strict=True):
        start_at(record, np.zeros_like(start))
    *_, (_, given) = given_in_prediction(problem.model, problem.x)
    if not np.ptp(given, axis=0).any():
        return None
    factor = float(f"{1 / len(records):.2g}")
    for record, start in zip(records, starts, strict=True):
        start_at(record, factor * start)
    return Changed(
        f"the last kernel of what is added by each of {len(records)} layers, times {factor:g}",
        code=_code(problem, [(record, factor) for record in records], False),
    )


def _code(problem, factors, centers):
    each = [f"{variable(problem, record)}, {factor:g}" for record, factor in factors]
    if not centers:
        lines = "".join(f"    ({one}),\n" for one in each)
        return f"for kernel, factor in [\n{lines}]:\n    kernel.assign(factor * kernel)"
    axes = [tuple(record.axes) for record, _ in factors]
    lines = "".join(f"    ({one}, {fed}),\n" for one, fed in zip(each, axes, strict=True))
    return (
        f"for kernel, factor, axes in [\n{lines}]:\n"
        "    mean = keras.ops.mean(kernel, axis=axes, keepdims=True)\n"
        "    kernel.assign(factor * (kernel - mean))"
    )


def _centered(record):
    """A kernel without the mean of each unit, over what that is fed."""
    value = to_numpy(record.variable)
    return value - value.mean(axis=tuple(record.axes), keepdims=True)


def size_before_activation(problem: Problem, layer: Any, around_mean: bool) -> float:
    """How large what a layer computes before its activation is, or how much it varies."""
    held = getattr(layer, "activation", None)
    with attribute(layer, "activation", keras.activations.linear if held is not None else None):
        given = [
            value
            for name, value in given_in_prediction(problem.model, problem.x)
            if name == layer.name
        ]
    units = [value.reshape(-1, value.shape[-1]) for value in given]
    means = [unit.mean(axis=0) if around_mean else 0.0 for unit in units]
    squares = [np.mean(np.square(u - mean)) for u, mean in zip(units, means, strict=True)]
    return float(np.sqrt(np.mean(squares)))
