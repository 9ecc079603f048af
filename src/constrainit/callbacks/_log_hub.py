"""Where a callback reaches into an optimizer's step, for the time of a fit.

The value of a weight before its constraint exists only inside of `Optimizer.apply`, which on JAX
and TensorFlow is part of a compiled step. On JAX a compiled step carries the variables of the
model and of the optimizer and no others: what is found out in it is kept in variables that are the
optimizer's for as long as somebody looks, and that are left out when the optimizer is saved.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import keras

from constrainit.callbacks._train_function import Reader, install, kept, remove

_SAVING = ("save_own_variables", "load_own_variables")


class Observer(Protocol):
    """What is told of an optimizer's step, in this order, while it is computed or traced.

    Attributes:
        recipe: Equal where what it computes in a step is the same.
    """

    recipe: Any

    def reset(self) -> None:
        """A fit begins: of what an earlier one left nothing counts."""

    @property
    def carried(self) -> list[Any]:
        """The variables that a compiled step has to carry for it."""
        ...

    @property
    def looks(self) -> bool:
        """Whether it looks at the steps that come; each answer has a compiled step of its own."""
        ...

    def ahead(self, steps: int, read: Reader) -> None:
        """So many steps are about to be taken at once."""

    def behind(self, value_of: Callable[[Any], Any]) -> None:
        """On JAX a step has been called, and left the variables with the values that it gives."""

    def forget(self) -> None:
        """The state is no longer what the last step left."""

    def begin(self) -> None:
        """An `apply` begins."""

    def start(self, gradients: Any, variables: Any) -> None:
        """The update of these variables is about to be computed."""

    def middle(self, variables: Any) -> None:
        """The update is done, the constraints are about to run."""

    def finish(self) -> None:
        """The `apply` has ended, and the optimizer has counted it."""


def is_chief() -> bool:
    """Whether this is the one process of a distributed training that writes."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.process_index() == 0
    if backend == "torch":
        from torch import distributed

        alone = not distributed.is_available() or not distributed.is_initialized()
        return alone or distributed.get_rank() == 0
    import tensorflow as tf

    resolver = tf.distribute.get_strategy().cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    return resolver.task_type == "chief" or (
        resolver.task_type == "worker"
        and resolver.task_id == 0
        and "chief" not in resolver.cluster_spec().jobs
    )


def trainings_with(callback: Any) -> int:
    """How many trainings of this thread that are under way have a callback.

    One that was interrupted told nobody, but it is not among those that wait for this call.
    """
    found, frame = set(), inspect.currentframe()
    while frame is not None:
        held = _callbacks_of(frame)
        if any(one is callback for one in getattr(held, "callbacks", ())):
            found.add(id(held))
        frame = frame.f_back
    return len(found)


def _callbacks_of(frame):
    """The list of callbacks that a frame of `fit`, or of the list itself, works with, or None."""
    kind, held = keras.callbacks.CallbackList, None
    if frame.f_code.co_name == "fit":
        held = frame.f_locals.get("callbacks")
    elif frame.f_globals.get("__name__") == kind.__module__:
        held = frame.f_locals.get("self")
    return held if isinstance(held, kind) else None


def inner_optimizers(optimizer: Any) -> list[Any]:
    """The optimizers that change weights themselves, inside of a loss scale or a `MultiOptimizer`.

    Those that were built only.
    """
    if hasattr(optimizer, "inner_optimizer"):
        return inner_optimizers(optimizer.inner_optimizer)
    if isinstance(optimizer, getattr(keras.optimizers, "MultiOptimizer", ())):
        return [one for one in optimizer.optimizers if one.built]
    return [optimizer]


def carried(
    optimizer: Any,
    shape: tuple[int, ...],
    dtype: str,
    name: str,
    fill: int = 0,
    layout: Any = None,
) -> Any:
    """A variable for what is found out in the steps of an optimizer."""
    # Made where the optimizer's own are made, so that it lies where a distribution puts them.
    strategy = getattr(optimizer, "_distribution_strategy", None)
    with strategy.scope() if strategy is not None else contextlib.nullcontext():
        return keras.Variable(
            keras.initializers.Constant(fill),
            shape=shape,
            dtype=dtype,
            trainable=False,
            aggregation="only_first_replica",
            name=f"constrainit_{name}",
            **({} if layout is None else {"layout": layout}),
        )


def all_carried(optimizer: Any) -> list[Any]:
    """The variables that its steps carry for those who look at them."""
    observers = getattr(vars(optimizer).get("apply"), "observers", [])
    return [variable for one in observers for variable in one.carried]


def observer_of(model: Any, recipe: Any, make: Callable[[], Any]) -> Any:
    """An observer that is made so; one of an earlier fit, for which steps have been compiled.

    Args:
        model: The model whose train function keeps them.
        recipe: What its computation depends on.
        make: Gives a new one.
    """
    found = kept(model, recipe)
    if found is None:
        found = make()
        found.recipe = recipe
    else:
        found.reset()
    return found


def attach(observer: Observer, optimizer: Any, model: Any) -> None:
    """Lets an observer look at the steps of an optimizer.

    Args:
        observer: It.
        optimizer: The optimizer that changes the weights.
        model: The model, whose optimizer may hold the other.
    """
    own, outer = vars(optimizer), model.optimizer
    if not hasattr(own.get("apply"), "observers"):
        observers: list[Observer] = []
        own["apply"] = _applying(observers, optimizer.apply)
        own["_backend_apply_gradients"] = _updating(observers, optimizer._backend_apply_gradients)
        if keras.backend.backend() == "jax":
            for owner in {id(o): o for o in (optimizer, outer)}.values():
                for name in _SAVING:
                    vars(owner)[name] = _hiding(optimizer, observers, getattr(owner, name))
    own["apply"].observers.append(observer)
    if keras.backend.backend() == "jax":
        for variable in observer.carried:
            optimizer._tracker.unlock()
            optimizer._track_variable(variable)
    install(model, observer)


def detach(observer: Observer, optimizer: Any, model: Any) -> None:
    """The opposite of `attach`: without observers optimizer and model are what they were."""
    own, outer = vars(optimizer), model.optimizer
    observers = getattr(own.get("apply"), "observers", [])
    if not any(one is observer for one in observers):
        return
    observers[:] = [one for one in observers if one is not observer]
    if keras.backend.backend() == "jax":
        for variable in observer.carried:
            optimizer._untrack_variable(variable)
    if not observers:
        for name in ("apply", "_backend_apply_gradients", *_SAVING):
            own.pop(name, None)
        for name in _SAVING:
            vars(outer).pop(name, None)
    remove(model, observer)


def _applying(observers, apply):
    @functools.wraps(apply)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        for observer in observers:
            observer.begin()
        result = apply(*args, **kwargs)
        for observer in observers:
            observer.finish()
        return result

    wrapper.observers = observers  # pyright: ignore[reportAttributeAccessIssue]
    return wrapper


def _updating(observers, update):
    @functools.wraps(update)
    def wrapper(gradients: Any, variables: Any) -> None:
        gradients, variables = list(gradients), list(variables)
        for observer in observers:
            observer.start(gradients, variables)
        update(gradients, variables)
        for observer in observers:
            observer.middle(variables)

    return wrapper


def _hiding(optimizer, observers, act):
    """Saving or loading of an optimizer without what is carried for the observers."""

    @functools.wraps(act)
    def wrapper(store: Any) -> Any:
        with _without(optimizer, [v for one in observers for v in one.carried]):
            return act(store)

    return wrapper


@contextlib.contextmanager
def _without(optimizer: Any, variables: list[Any]) -> Iterator[None]:
    held, known = optimizer._variables, {id(v) for v in variables}
    every = list(held)
    held[:] = [v for v in every if id(v) not in known]
    try:
        yield
    finally:
        held[:] = every
