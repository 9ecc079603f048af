"""Remedies for starts that fit the batch: where the loss is finite, and as small as can be."""

import numpy as np
from keras import ops

from constrainit.doctor._losses_at import loss_now
from constrainit.doctor._recording import given_in_prediction, is_custom
from constrainit.doctor._statistics import activation_of, share_saturated, to_numpy
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import start_at
from constrainit.model import walk

_SHIFTS = (0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10)
"""How far a bias is moved: through an exponential, from 1.6 to 22 thousand times."""

_MOST_UNITS = 8

_FACTORS = (0.7, 0.5, 0.3, 0.2, 0.15, 0.1, 0.05, 0.02, 0.01)
_LIKE_SMALL = 1.5
"""A start is small enough where its loss is at most this many times that of the smallest one."""


def bias_for_the_targets(problem, evidence, found):
    """The bias of the last layer, started where the loss of the batch is finite and least.

    It is moved for one unit at a time, the first for which the loss is finite then.
    """
    operation = evidence.operation
    if evidence.fault_step != 0 or operation is None or operation.stage != "loss":
        return None
    # One of another remedy has no loss yet.
    problem.set_loss()
    order = [output.layer for output in evidence.outputs]
    biases = [
        record for record in walk(problem.model)
        if record.variable.trainable and record.variable.name == "bias"
        and len(record.shape) == 1 and record.shape[0] <= _MOST_UNITS
        and record.constraint is None and record.layer.name in order
    ]  # fmt: skip
    last = max(biases, key=lambda record: order.index(record.layer.name), default=None)
    if last is None or problem.given_y is None or not problem.is_small:
        return None
    start = to_numpy(last.variable)
    for unit in range(start.size):
        losses = {}
        for shift in [sign * size for size in _SHIFTS for sign in (1, -1)]:
            last.assign(ops.cast(_shifted(start, unit, shift), last.dtype))
            loss = loss_now(problem)
            if np.isfinite(loss):
                losses[shift] = loss
        if losses:
            best = _shifted(start, unit, min(losses, key=lambda shift: losses[shift]))
            last.assign(ops.cast(best, last.dtype))
            written = ", ".join(f"{one:g}" for one in best)
            return Changed(
                f"{last.path} starts at [{written}], where the loss is {min(losses.values()):.3g}",
                code=f"# {last.layer.name!r}: what it gives fits the targets from the start\n"
                f"bias_initializer=lambda shape, dtype=None: ops.array([{written}], dtype)",
            )
    last.assign(ops.cast(start, last.dtype))
    return None


def scaled_down(problem, evidence, found):
    """The kernels that an operation overflows by, smaller from the start.

    They are those of the user's own layers, square ones first, as these feed back. The factor is
    the largest for which the loss is about that of kernels near zero.
    """
    operation = evidence.operation
    if evidence.fault_step != 0 or operation is None or "overflow" not in operation.limit:
        return None
    paths = {path for one in operation.operands for path in one.weights}
    names = {operation.layer, *(finding.layer for finding in found)} - {""}
    kernels = [
        record for record in walk(problem.model)
        if is_custom(record.layer) and record.variable.trainable and len(record.shape) > 1
        and (record.path in paths or not names.isdisjoint(record.path.split("/")))
    ]  # fmt: skip
    square = [record for record in kernels if record.shape[-1] == record.shape[-2]]
    alike = [] if kernels else _alike(problem, operation.layer)
    within = [r for one in alike for r in walk(one) if r.variable.trainable and len(r.shape) > 1]
    kernels = square or kernels or within
    if not kernels:
        return None
    starts = [to_numpy(record.variable) for record in kernels]
    losses = {}
    for factor in reversed(_FACTORS):
        for record, start in zip(kernels, starts, strict=True):
            start_at(record, start * factor)
        losses[factor] = loss_now(problem)
        if not losses[factor] <= _LIKE_SMALL * losses[_FACTORS[-1]]:
            break
    good = [f for f, loss in losses.items() if loss <= _LIKE_SMALL * losses[_FACTORS[-1]]]
    if not good:
        return None
    for record, start in zip(kernels, starts, strict=True):
        start_at(record, start * max(good))
    if within:
        kind = type(alike[0]).__name__
        return Changed(
            f"the start of all {len(within)} kernels in layers of {kind} times {max(good):g}",
            code=_scaled_within(kind, max(good)),
        )
    written = [f"# {r.variable.name} of {r.layer.name!r}" for r in kernels]
    return Changed(
        f"the start of {', '.join(r.path for r in kernels)} times {max(good):g}",
        code="\n".join(written) + "\nself.add_weight(..., initializer=lambda shape, dtype=None: "
        f"{max(good):g} * initializer(shape, dtype))",
    )


def _alike(problem, name):
    """A layer of the user's own by its name, and all others of its class."""
    layers = problem.model._flatten_layers()
    own = next((one for one in layers if one.name == name and is_custom(one)), None)
    return [one for one in layers if own is not None and type(one) is type(own)]


def _scaled_within(kind, factor):
    return (
        "for layer in model._flatten_layers():\n"
        f"    if type(layer).__name__ == {kind!r}:\n"
        "        for kernel in [v for v in layer.trainable_variables if len(v.shape) > 1]:\n"
        f"            kernel.assign({factor:g} * kernel)"
    )


def off_the_flat_ends(problem, evidence, found):
    """The kernels of saturated layers of the user's own, where what these give varies most.

    What lies on a flat end does not count: a large signal that goes to both ends varies, too. What
    such a layer makes of a weight is not known: an exponential is made small by moving its weight
    down, an absolute value by a smaller weight. Both are tried, in the order of the layers; of two
    that do about as well the nearer one is taken.
    """
    flat = [finding.layer for finding in found if finding.code == "CW402"]
    layers = [one for one in problem.model._flatten_layers() if one.name in flat and is_custom(one)]
    if not layers or not problem.is_small:
        return None
    order = [output.layer for output in evidence.outputs]
    said, codes = [], {}
    for layer in sorted(layers, key=lambda one: order.index(one.name)):
        kernels = [r for r in walk(layer) if r.variable.trainable and len(r.shape) > 1]
        starts = [to_numpy(record.variable) for record in kernels]

        def spread_at(factor, shift, layer=layer, kernels=kernels, starts=starts):
            for record, start in zip(kernels, starts, strict=True):
                start_at(record, start * factor + shift)
            return _spread(problem, layer)

        changes = [*((factor, 0) for factor in _FACTORS), *((1, -shift) for shift in _SHIFTS)]
        spreads = {change: spread_at(*change) for change in ((1, 0), *changes)}
        factor, shift = best = max(spreads, key=lambda change: spreads[change])
        spread_at(*best)
        if not kernels or best == (1, 0):
            continue
        how = f"times {factor:g}" if factor != 1 else f"{-shift:g} lower"
        made = f"{factor:g} * initializer(shape, dtype)" if factor != 1 else (
            f"initializer(shape, dtype) - {-shift:g}"
        )  # fmt: skip
        said.append(f"{', '.join(record.path for record in kernels)} starts {how}")
        names = ", ".join(record.variable.name for record in kernels)
        codes.setdefault((names, made), []).append(layer.name)
    code = "\n".join(
        f"# {names} of {', '.join(map(repr, layers))}\n"
        f"self.add_weight(..., initializer=lambda shape, dtype=None: {made})"
        for (names, made), layers in codes.items()
    )
    return Changed("; ".join(said), code=code) if said else None


def _spread(problem, layer):
    """By how much what a layer gives varies, by the share of it that is off the flat ends.

    Over the batch, and for the unit that varies most; minus one if something is not finite.
    """
    given = [v for name, v in given_in_prediction(problem.model, problem.x) if name == layer.name]
    units = [value.reshape(-1, value.shape[-1]) for value in given]
    spreads = [_held(layer, value) * value.std(axis=0).max() for value in units]
    return max((float(s) if np.isfinite(s) else -1.0 for s in spreads), default=-1.0)


def _held(layer, value):
    """The share of what a layer gives that is off the flat ends of its activation."""
    share = share_saturated(value, activation_of(layer))
    return 1.0 if share is None else 1.0 - share


def _shifted(start, unit, shift):
    moved = np.array(start)
    moved[unit] += shift
    return moved
