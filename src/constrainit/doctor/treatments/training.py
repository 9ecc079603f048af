"""Remedies outside of the weights: learning rate, data, loss, last activation, averages."""

import keras
import numpy as np
from keras import ops

from constrainit.doctor._data import needed_steps
from constrainit.doctor._labels import both_signs
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.rules._symptoms import diverges
from constrainit.doctor.treatments._remedy import Changed, with_other

_LARGE = 10.0
_EPSILON = 1e-3
_OF_RATES = ("poisson", "mean_squared_logarithmic_error", "kl_divergence")
_CROSS_ENTROPIES = {
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
}


def lower_rate(factor):
    """The learning rate times a factor."""

    def apply(problem, evidence, found):
        rate = evidence.rate
        if rate is None:
            return None
        if evidence.own is not None and not evidence.own.as_usual:
            other = with_other(problem)
            other.factor_of_own = factor
            return _of_rate(rate, factor, other)
        # Another model, made by a remedy before this one, has none yet.
        if problem.optimizer is None:
            problem.set_optimizer()
        return _of_rate(rate, factor, problem.with_rate(rate * factor))

    return apply


def _of_rate(rate, factor, other):
    return Changed(
        f"a learning rate of {rate * factor:.3g} in place of {rate:.3g}",
        other,
        code=f"model.optimizer.learning_rate = {rate * factor:.3g}",
    )


def scaled_data(problem, evidence, found):
    """Inputs and targets of mean zero and deviation one, where they are far from it."""
    far = [
        d for d in evidence.data
        if not d.integer and not d.nonfinite and abs(d.mean) + d.deviation > _LARGE
    ]  # fmt: skip
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
        "x = (x - x.mean(axis=0)) / x.std(axis=0)",
    )


def _scaled(values):
    def one(part):
        value = to_numpy(part)
        if "float" not in keras.backend.standardize_dtype(part.dtype):
            return part
        mean, deviation = value.mean(axis=0), value.std(axis=0)
        scaled = (value - mean) / np.where(deviation > 0, deviation, 1.0)
        return ops.cast(scaled, part.dtype)

    return keras.tree.map_structure(one, values)


def steady_rate(problem, evidence, found):
    """The largest rate of a schedule for all steps."""
    peak = max(evidence.rates)
    return Changed(
        f"a learning rate of {peak:.3g} at every step",
        problem.with_rate(peak),
        f"model.compile(optimizer=...({peak:.3g}), ...)  # or a schedule with more decay_steps",
    )


def larger_epsilon(problem, evidence, found):
    """An optimizer whose epsilon is a number that half precision holds."""
    return _other_optimizer(
        problem, f"an epsilon of {_EPSILON:g} in place of {evidence.epsilon:.3g}", epsilon=_EPSILON
    )


def average_at_the_end(problem, evidence, found):
    """An optimizer that does not overwrite the weights by their average between the steps."""
    said = "the average does not overwrite the weights as they are trained"
    return _other_optimizer(problem, said, ema_overwrite_frequency=None)


def _other_optimizer(problem, said, **changed):
    own = getattr(problem.optimizer, "inner_optimizer", problem.optimizer)
    other = type(own).from_config({**own.get_config(), **changed})
    written = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    code = f"model.compile(optimizer=keras.optimizers.{type(own).__name__}(..., {written}), ...)"
    return Changed(said, with_other(problem, optimizer=other), code)


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


def absolute_error(problem, evidence, found):
    """The absolute error in place of one that divides by targets of zero."""
    losses, layers = list(problem.losses()), {finding.layer for finding in found}
    if len(losses) != len(evidence.losses_of):
        return None
    for place, made in enumerate(evidence.losses_of):
        if made.layer in layers:
            losses[place] = keras.losses.MeanAbsoluteError()
    loss = losses[0] if len(losses) == 1 else keras.tree.pack_sequence_as(problem.specs, losses)
    return Changed(
        "the absolute error, which does not divide by the targets",
        with_other(problem, loss=loss),
        'loss="mean_absolute_error"',
    )


def finite_rows(problem, evidence, found):
    """The examples without NaN and infinity."""
    parts = [to_numpy(part) for part in keras.tree.flatten((problem.x, problem.y))]
    good = np.all([np.isfinite(p).reshape(len(p), -1).all(axis=1) for p in parts], axis=0)
    code = "good = np.isfinite(x).all(axis=tuple(range(1, x.ndim)))\nx, y = x[good], y[good]"
    return _rows(problem, good, "that are finite", code)


def targets_in_a_column(problem, evidence, found):
    """Targets `(batch, 1)` for a `train_step` that compares them with all predictions."""
    if evidence.own is None or not evidence.own.pairs:
        return None
    return Changed(
        "targets of the shape (batch, 1)",
        with_other(problem, y=ops.expand_dims(problem.y, axis=-1)),
        "y = y[:, None]",
    )


def other_logits(problem, evidence, found):
    """The same cross-entropies, with `from_logits` the other way where a finding asks for it."""
    losses, layers = list(problem.losses()), {finding.layer for finding in found}
    if len(losses) != len(evidence.losses_of):
        return None
    changed = []
    for place, made in enumerate(evidence.losses_of):
        # Whatever the loss was given as: only its name tells which one it is.
        kind = _CROSS_ENTROPIES.get(str(getattr(losses[place], "name", "")))
        if kind is not None and made.layer in layers:
            losses[place] = kind(from_logits=not made.logits)
            changed.append(f"{kind.__name__}(from_logits={not made.logits})")
    if not changed:
        return None
    loss = losses[0] if len(losses) == 1 else keras.tree.pack_sequence_as(problem.specs, losses)
    logits = changed[0].partition("(")[2].rstrip(")")
    named = f" for {', '.join(sorted(layers))}" if len(losses) > 1 else ""
    code = f"loss=keras.losses.{changed[0]}"
    return Changed(f"the loss{named} takes {logits}", with_other(problem, loss=loss), code)


def softplus_at_the_end(problem, evidence, found):
    """A softplus behind the last layer, for a loss that takes the logarithm of its output."""
    layers = {
        made.layer for made in evidence.losses_of
        if made.name in _OF_RATES and made.low < 0 and made.target.low >= 0
    }  # fmt: skip
    changed = []
    for layer in problem.model._flatten_layers():
        if layer.name in layers and getattr(layer, "activation", None) is keras.activations.linear:
            vars(layer)["activation"] = keras.activations.softplus
            changed.append(layer.name)
    if not changed:
        return None
    return Changed(
        f"{', '.join(changed)} with a softplus, as the loss takes the logarithm of its output",
        with_other(problem),
        'keras.layers.Dense(..., activation="softplus")',
    )


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


def labels_of_both_signs(problem, evidence, found):
    """Labels of -1 in place of those of zero, which the loss does not look at."""
    if len(evidence.losses_of) != 1 or not evidence.losses_of[0].passed_over:
        return None
    return Changed(
        "labels of -1 in place of 0",
        with_other(problem, y=both_signs(problem.y)),
        "y = np.where(y == 0, -1, y)",
    )


def sigmoid_of_one(problem, evidence, found):
    """A sigmoid in place of a softmax over a single unit, which gives one whatever comes in."""
    names, changed = {finding.layer for finding in found}, []
    for layer in problem.model._flatten_layers():
        one = getattr(layer, "units", None) == 1
        if layer.name in names and one and layer.activation is keras.activations.softmax:
            vars(layer)["activation"] = keras.activations.sigmoid
            changed.append(layer.name)
    if not changed:
        return None
    return Changed(
        f"{', '.join(changed)} with a sigmoid in place of the softmax over one unit",
        with_other(problem),
        'keras.layers.Dense(1, activation="sigmoid")',
    )


def softmax_along_time(problem, evidence, found):
    """`Softmax` layers that run over a single entry, along the axis before the last."""
    names, changed = {layer for layer, _ in evidence.alone}, []
    for layer in problem.model._flatten_layers():
        is_one = isinstance(layer, keras.layers.Softmax) and layer.name in names
        if is_one and layer.axis == -1 and len(layer.output.shape) > 2:
            vars(layer)["axis"] = -2
            changed.append(layer.name)
    if not changed:
        return None
    return Changed(
        f"the softmax in {', '.join(changed)} runs along the axis before the last",
        with_other(problem),
        "keras.layers.Softmax(axis=-2)",
    )


def no_last_activation(problem, evidence, found):
    """The last layer without its activation."""
    names = {f.layer for f in found if f.code == "CW605" and "classes" not in f.evidence}
    changed = []
    for layer in problem.model._flatten_layers():
        own = getattr(layer, "activation", None)
        if layer.name in names and callable(own) and own is not keras.activations.linear:
            vars(layer)["activation"] = keras.activations.linear
            changed.append(layer.name)
    if not changed:
        return None
    return Changed(f"{', '.join(changed)} without its activation", with_other(problem))


def projected_averages(problem, evidence, found):
    """The averages that the optimizer keeps, projected as the callback does."""
    problem.projects_averages = True
    return Changed(
        "the averages are projected before they take the place of the weights",
        code="model.fit(..., callbacks=[ci.KeepFeasible()])",
    )


def is_better(evidence):
    """Whether a trial trains: finite, and lower at the end than at the start."""
    losses = evidence.losses
    return (
        evidence.fault_step is None
        and len(losses) > 1
        and losses[-1] < losses[0]
        and not diverges(evidence)
    )
