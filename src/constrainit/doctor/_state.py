"""A model borrowed: whatever happens in between, it comes back as it was."""

import contextlib
import gc
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
from keras import ops
from keras.src.utils.tracking import TrackedDict, TrackedList, TrackedSet

_CONTAINERS = (list, dict, set, TrackedList, TrackedDict, TrackedSet)


@contextlib.contextmanager
def borrowed(model: keras.Model, also: Iterable[Any] = ()) -> Iterator[Callable[[], None]]:
    """Restores every variable of `model` and every attribute of its layers and constraints.

    What it gives does so before the end, too.

    Args:
        model: What is borrowed.
        also: What is restored with it: optimizers, and other objects by their attributes.
    """
    also = list(also)
    steppers = [one for one in also if isinstance(one, keras.optimizers.Optimizer)]
    variables = [*model.variables, *model.metrics_variables]
    variables += [variable for one in steppers for variable in one.variables]
    constraints = [(v, v.constraint) for v in variables if hasattr(v, "constraint")]
    trained = [(v, v.trainable) for v in model.variables if hasattr(v, "trainable")]
    penalties = [(v, v.regularizer) for v in variables if hasattr(v, "regularizer")]
    owners = [*model._flatten_layers(), *operations_of(model), *also]
    # TensorFlow wraps the lists of an optimizer, and the wrapper holds the list.
    owners += [part for one in also for part in vars(one).values() if hasattr(part, "_storage")]
    owners += [c for _, c in constraints if hasattr(c, "__dict__")]
    held = [(owner, dict(vars(owner))) for owner in {id(o): o for o in owners}.values()]
    variables += [state for _, parts in held for state in _states(parts)]
    values = [(v, snapshot(v)) for v in {id(v): v for v in variables}.values()]
    # TensorFlow wraps dictionaries, too.
    inner = [getattr(part, "__wrapped__", part) for _, parts in held for part in parts.values()]
    contents = [(part, part.copy()) for part in inner if type(part) in _CONTAINERS]

    def put_back():
        for variable, value in values:
            variable.assign(value)
        for variable, constraint in constraints:
            variable.constraint = constraint
        for variable, is_trained in trained:
            if variable.trainable != is_trained:
                variable.trainable = is_trained
        for variable, penalty in penalties:
            variable.regularizer = penalty
        # Not through `setattr`: a layer would wrap and track what is put back.
        for owner, parts in held:
            vars(owner).clear()
            vars(owner).update(parts)
        for part, content in contents:
            _refill(part, content)

    try:
        yield put_back
    finally:
        put_back()


@contextlib.contextmanager
def built_meanwhile(model: keras.Model) -> Iterator[None]:
    """A model that is not built, or not all of it, may be: it comes back without these weights."""
    trackers = [layer._tracker for layer in model._flatten_layers()]
    # What is gone may not be known any more: another weight may come to have its id.
    known = [{name: set(ids) for name, ids in one.stored_ids.items()} for one in trackers]
    with borrowed(model, trackers):
        yield
    for tracker, ids in zip(trackers, known, strict=True):
        tracker.stored_ids.update(ids)


def operations_of(model: keras.Model) -> list[Any]:
    """The operations between the layers of a model that is a graph, and of its parts."""
    graphs = [one for one in model._flatten_layers() if hasattr(one, "_operations")]
    return [
        one for graph in graphs for one in graph._operations
        if not isinstance(one, keras.Layer)
    ]  # fmt: skip


def snapshot(variable: Any) -> Any:
    """The value of a variable, which stays what it is when the variable changes."""
    value = ops.stop_gradient(ops.convert_to_tensor(variable))
    # An array of JAX never changes; what the others give is the variable's own memory.
    return value if keras.backend.backend() == "jax" else ops.copy(value)


def _states(parts):
    """The variables that a constraint or layer holds by itself, seed generators included."""
    for part in parts.values():
        part = getattr(part, "state", part)
        if isinstance(part, keras.Variable):
            yield part


def _refill(part, content):
    # By the plain classes' methods: those of Keras would track what is put back.
    if isinstance(part, list):
        list.__setitem__(part, slice(None), content)
    elif isinstance(part, dict):
        dict.clear(part)
        dict.update(part, content)
    else:
        set.intersection_update(part, content)
        set.update(part, content)


@contextlib.contextmanager
def attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    """`owner.name` is `value` for a while, past any hook of the owner's `__setattr__`."""
    own = vars(owner)
    before = own.get(name, own)
    object.__setattr__(owner, name, value)
    try:
        yield
    finally:
        if before is own:
            object.__delattr__(owner, name)
        else:
            object.__setattr__(owner, name, before)


@contextlib.contextmanager
def collecting_only_new() -> Iterator[None]:
    """The garbage collector leaves alone what is there already.

    A look makes many objects, and collections that walk through all modules and models each time
    take a tenth of it.
    """
    if gc.get_freeze_count():  # by somebody else, whose objects are not ours to give back
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


_COMPILED = (
    "compiled", "_jit_compile", "_run_eagerly", "steps_per_execution", "_compile_loss",
    "_compile_metrics", "_loss_tracker", "_compile_config",
)  # fmt: skip
"""What a model knows of how it was compiled, but for the optimizer."""


def take_in(layer: Any, part: Any) -> None:
    """Gives a layer that is built a weight to train, or a layer, until the model is put back."""
    # Not through the layer, which takes no more of them then.
    is_layer = isinstance(part, keras.layers.Layer)
    list.append(layer._layers if is_layer else layer._trainable_variables, part)


def compiled_as(model: Any, other: Any) -> None:
    """Gives another model what `compile` has set in the first one, but for the optimizer."""
    held = vars(model)
    # Not through `setattr`, which would track it.
    vars(other).update({name: held[name] for name in _COMPILED if name in held})
