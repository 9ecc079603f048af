"""`calibrate`: the start of a built model, fitted to one batch of its data."""

import itertools
from contextlib import ExitStack, suppress
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._joint import Member
from constrainit._measure import measure
from constrainit._present import BEFORE, check_values, refuse_traced
from constrainit._shapes import compared, input_specs, misfits, shapes_of
from constrainit._shown import Lines
from constrainit._signatures import explaining
from constrainit._watched import Calibrated, Watched
from constrainit.model import WeightRecord, check_built, walk

_CELLS = (keras.layers.LSTMCell, keras.layers.GRUCell, keras.layers.SimpleRNNCell)
_PASSES, _SETTLED = 12, 0.02


@explaining
def calibrate(model: keras.Model, x: Any) -> list[Calibrated]:
    """Fits the scale and the bias of every layer with a constrained kernel to one batch.

    Two forward passes: one sees which layers are called, and how often; in the next, layer by
    layer, pre-activations get the mean and the deviation that the activation wants at its depth,
    and what follows sees the corrected output. Only what is free is touched: the bias (within its
    own set), an `OutputScale`, the kernel of a set that holds weights of any size. No weight leaves
    its set; a kernel that is outside is moved to the nearest member first. Frozen layers, recurrent
    cells and layers without a constrained kernel stay as they are. The scale of a layer that is
    called several times acts on each call; it is fitted to all of them, the later ones counting
    more, in up to twelve passes.

    For a model that has not been trained, with data as `fit` will see it.

    Args:
        model: A built Keras model.
        x: One batch of inputs, as the model takes them. A few hundred examples are enough.

    Returns:
        What was done, in the order in which the layers ran; printed, a line for each.

    Raises:
        ValueError: The batch is no array, is empty or holds NaN or infinities, or a layer's output
            is the same for all examples, or the model does not take it; nothing is changed.
    """
    return fitted_to(model, x, "calibrate")


def fitted_to(model: keras.Model, x: Any, owner: str) -> list[Calibrated]:
    """What `calibrate` does, for a function that the user knows by another name."""
    x = _as_batch(x)
    check_built(model, owner)
    refuse_traced(owner, BEFORE)
    check_values(owner, model)
    records = [record for record in walk(model) if can_be_fitted(record)]
    _check_batch(x, owner)
    variables = model.variables
    before = [ops.copy(ops.convert_to_tensor(v)) for v in variables]
    watched = [Watched(record) for record in records]
    try:
        _move_inside(records)
        _run_first(model, x, watched, owner)
        done = _fitted(model, x, [one for one in watched if one.seen])
    # Whatever goes wrong in the user's model, its weights must be what they were.
    except BaseException:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        # Keras would wrap the sentence in what it knows of the call.
        for one in watched:
            if one.trouble:
                raise ValueError(one.trouble) from None
        raise
    return done


def _move_inside(records):
    """Moves kernels to their sets: what is fitted to others, the first projection takes away."""
    for record in records:
        [(distance, image)] = measure([record.resolved(record.constraint)], [record.value])
        if distance != 0:
            record.assign(image)


def _fitted(model, x, watched):
    """Fits layers of which it is known how often each is called."""
    depth = sum(len(one.seen) for one in watched)
    shared = [one for one in watched if len(one.seen) > 1]
    for one in watched:
        one.begin(depth)
    for _ in range(_PASSES if shared else 1):
        _run(model, x, watched)
        if max((one.adjust() for one in shared), default=0.0) < _SETTLED:
            break
    if shared:
        _run(model, x, watched)
    return Lines(one.row() for one in sorted(watched, key=lambda one: one.place))


def _run(model, x, watched):
    with ExitStack() as stack:
        calls = itertools.count()
        for one in watched:
            stack.enter_context(one.watching(calls))
        model(x, training=False)


def _run_first(model, x, watched, owner):
    """As `_run`; what the model raises says how the batch does not fit."""
    try:
        _run(model, x, watched)
    # A model of the user's own may raise anything.
    except Exception as fault:
        specs = input_specs(model)
        if specs is not None and misfits(specs, x):
            wanted, came, hint = compared(specs, x, model.name)
            raise ValueError(f"`x` of `{owner}` must {wanted}. Received: {came}.{hint}") from None
        came = shapes_of(x)
        # Here, as little else of this library needs the doctor.
        from constrainit.doctor._said import said

        raise ValueError(
            f"`x` of `{owner}` must be a batch that {model.name!r} takes. Received: {came}, of "
            f"which it says {type(fault).__name__}: {said(fault, lambda _: False)}"
        ) from fault


def can_be_fitted(record: WeightRecord) -> bool:
    """Whether a weight is a constrained kernel whose layer `calibrate` can fit."""
    layer = record.layer
    return (
        record.constraint is not None
        and not any(isinstance(getattr(v, "constraint", None), Member) for v in layer.variables)
        and record.variable.name == "kernel"
        and callable(getattr(layer, "activation", None))
        and layer.trainable
        and not isinstance(layer, _CELLS)
    )


def _as_batch(x):
    if isinstance(x, (list, tuple)) and not any(hasattr(part, "shape") for part in x):
        with suppress(TypeError, ValueError):
            return np.asarray(x, "float32")
    return x


def _check_batch(x, owner):
    for part in keras.tree.flatten(x):
        if not getattr(part, "shape", ()):
            must = "be an array of examples, or a list or a dictionary of such"
            sets = isinstance(part, keras.constraints.Constraint)
            instead = "Give a model its sets with constrain(model, {...})." if sets else ""
            raise _checks.fail(owner, "x", must, part, instead)
        value = np.asarray(ops.convert_to_numpy(part))
        if not value.size:
            raise ValueError(f"`x` of `{owner}` must hold examples. Received: shape={value.shape}.")
        if value.dtype.kind in "fV":
            lost = int((~np.isfinite(value.astype("float64"))).sum())
            if lost:
                raise ValueError(
                    f"`x` of `{owner}` must be finite. Received: {lost} of {value.size} numbers "
                    "are NaN or infinite."
                )
