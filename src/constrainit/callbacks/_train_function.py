"""The train function of a model that is looked at: one for each way of looking.

A step in which nobody looks is then the one that Keras would compile, and costs what it costs
without us. A step that looks is compiled when it is needed first.
"""

import functools
import itertools
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

Reader = Callable[[Any], np.ndarray]
"""Gives what a variable of the optimizer holds before a step, once the steps before it are done."""


class TrainFunction:
    """In place of a model's train function; asks its observers before each call.

    It outlives a fit: what was compiled for some observers serves the next fit in which they look,
    as long as the weights, what is trained of them and their constraints are the same. Keras lets
    go of it where a model is compiled or its train function is made anew.

    Args:
        model: A compiled model.
        make: Its own `make_train_function`.
        observers: What looks at its optimizers.
        plain: What its own `make_train_function` has made, if it has.
    """

    def __init__(self, model: Any, make: Callable[..., Any], observers: list[Any], plain: Any):
        self._model, self._make_own, self.observers = model, make, observers
        self._plain = plain
        self._made: dict[Any, _Made] = {}
        self._now: _Made | None = None
        if observers:
            self.prepare()

    def prepare(self) -> "_Made":
        """For each way in which its observers may look a function, compiled at its first step."""
        # Now: under a distribution JAX asks for the values of variables, which a step takes away.
        used = [key for key, made in self._made.items() if made.is_used]
        self._made = {key: self._made[key] for key in used[-_KEPT:]}
        held = [*self.observers, None, *_depends(self._model)]
        key = tuple(map(id, held))
        made = self._made.pop(key, None)
        if made is None:
            ways = itertools.product((False, True), repeat=len(self.observers))
            made = _Made([*self.observers], held, {way: self._make() for way in ways})
        self._made[key] = self._now = made
        return made

    def kept(self, recipe: Any) -> Any:
        """An observer of an earlier fit that would be computed in the same way, or None."""
        for made in self._made.values():
            for one in made.observers:
                if one.recipe == recipe and not any(one is other for other in self.observers):
                    return one
        return None

    def __call__(self, *arguments: Any) -> Any:
        """Takes the steps of one execution."""
        if not self.observers:
            return self._without(*arguments)
        steps = getattr(self._model, "steps_per_execution", 1) or 1
        if keras.backend.backend() != "jax":
            return self._called(steps, on_host, *arguments)
        # JAX takes the steps of an execution one by one, too.
        (state, source), result = arguments, None
        for batch in itertools.islice(source, steps):
            result = self._stepped(state, batch)
            state = result[1]
        if result is None:
            raise StopIteration
        return result

    def _called(self, steps, read, *arguments):
        """Takes so many steps in the way in which the observers look."""
        for observer in self.observers:
            observer.ahead(steps, read)
        way = tuple(observer.looks for observer in self.observers)
        made = self._now or self.prepare()
        made.is_used = True
        return made.ways[way](*arguments)

    def _stepped(self, state, batch):
        """Takes a step of JAX, which takes the values out of the variables, and gives new ones."""
        held = self._held(state)
        result = self._called(1, lambda v: np.asarray(held(v)), state, iter((batch,)))
        for observer in self.observers:
            observer.behind(self._held(result[1]))
        return result

    def _held(self, state):
        """A function that gives the value of a variable in a state of JAX."""

        @functools.cache
        def known():
            model = self._model
            groups = (
                model.trainable_variables, model.non_trainable_variables, model.optimizer.variables,
            )  # fmt: skip
            if [*map(len, groups)] != [*map(len, state[:3])]:
                raise ValueError(
                    f"The `train_step` of {model.name!r} has a state in which the variables of the "
                    "model and of the optimizer that it was compiled with are not what Keras makes "
                    "them. `WeightLog` and `StopAtFault` can not look at its steps."
                )
            groups = zip(groups, state[:3], strict=True)
            return {id(v): x for group, found in groups for v, x in zip(group, found, strict=True)}

        return lambda variable: known()[id(variable)]

    def leave(self) -> None:
        """One of its observers is gone."""
        self._now = None

    def _without(self, *arguments):
        """A step at which nobody looks, as Keras makes it."""
        if self._plain is None:
            self._plain = self._own()
        return self._plain(*arguments)

    def _make(self):
        own, step = vars(self._model), self._model.train_step
        held = {name: own[name] for name in ("train_step",) if name in own}
        # JAX takes what it has traced once for functions that are equal, as bound methods are.
        own["train_step"] = _telling(self._model, step)
        together = self._model.steps_per_execution
        try:
            if keras.backend.backend() == "jax":
                self._model.steps_per_execution = 1
            return self._own()
        finally:
            self._model.steps_per_execution = together
            del own["train_step"]
            own.update(held)

    def _own(self):
        present = self._model.train_function
        try:
            self._make_own(force=True)
            return self._model.train_function
        finally:
            self._model.train_function = present


_traced = threading.local()


def _telling(model, step):
    """A step that lets `value_before_step` be asked while JAX traces it."""

    @functools.wraps(step)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if keras.backend.backend() == "jax":
            pairs = zip(model.non_trainable_variables, args[0][1], strict=True)
            _traced.before = {id(v): value for v, value in pairs}
        try:
            return step(*args, **kwargs)
        finally:
            _traced.before = {}

    return wrapper


def value_before_step(variable: Any) -> Any:
    """What a variable that is not trained held before the step that JAX is tracing."""
    return _traced.before[id(variable)]


_KEPT = 4
"""For how many sets of observers what was compiled is kept, beside those of the present fit."""


@dataclass
class _Made:
    """Functions by the way in which observers look, and what must live as long as they do."""

    observers: list[Any]
    held: list[Any]
    ways: dict[tuple[bool, ...], Any]
    is_used: bool = False


def _depends(model):
    """What a compiled step depends on beside its observers and what Keras asks `compile` for."""
    return [one for v in model.trainable_variables for one in (v, v.constraint)]


class Through:
    """A train function whose steps a callback takes, for as long as the callback lives.

    Args:
        take: A bound method of the callback.
        inner: The train function.
    """

    def __init__(self, take: Callable[..., Any], inner: Any):
        self._take, self.inner = weakref.WeakMethod(take), inner

    def __call__(self, *arguments: Any) -> Any:
        """Takes the steps of one execution."""
        return (self._take() or self.inner)(*arguments)

    def without(self, owner: Any) -> Any:
        """The train function with the callback taken out."""
        if isinstance(self.inner, Through):
            self.inner = self.inner.without(owner)
        return self.inner if getattr(self._take(), "__self__", owner) is owner else self


def _inmost(function):
    while isinstance(function, Through):
        function = function.inner
    return function


def install(model: Any, observer: Any) -> None:
    """Lets an observer be asked before each call of the train function."""
    own, function = vars(model), _inmost(model.train_function)
    is_ours = isinstance(function, TrainFunction)
    if not hasattr(own.get("make_train_function"), "observers"):
        observers = function.observers if is_ours else []
        own["make_train_function"] = _making(model, model.make_train_function, observers)
    observers = own["make_train_function"].observers
    observers.append(observer)
    if not is_ours or function.observers is not observers:
        make = own["make_train_function"].__wrapped__
        function = TrainFunction(model, make, observers, None if is_ours else function)
    else:
        function.prepare()
    model.train_function = function


def remove(model: Any, observer: Any) -> None:
    """The opposite of `install`; what was compiled is kept for the next time."""
    own = vars(model)
    observers = getattr(own.get("make_train_function"), "observers", [])
    observers[:] = [one for one in observers if one is not observer]
    if not observers:
        own.pop("make_train_function", None)
    if isinstance(function := _inmost(model.train_function), TrainFunction):
        function.leave()


def kept(model: Any, recipe: Any) -> Any:
    """An observer of an earlier fit of the model with this recipe that is free, or None."""
    function = _inmost(model.train_function)
    return function.kept(recipe) if isinstance(function, TrainFunction) else None


def forget(model: Any) -> None:
    """Tells what looks at a model that its state is no longer what its last step left."""
    for observer in getattr(vars(model).get("make_train_function"), "observers", []):
        observer.forget()


def _making(model, make, observers):
    @functools.wraps(make)
    def wrapper(force: bool = False) -> None:
        if force or model.train_function is None:
            model.train_function = TrainFunction(model, make, observers, None)

    wrapper.observers = observers  # pyright: ignore[reportAttributeAccessIssue]
    return wrapper


def read(variable: Any) -> Any:
    """The value of a variable, also of one that TensorFlow holds once for each replica."""
    value = variable.value
    value = value.read_value() if hasattr(value, "read_value") else value
    return ops.stop_gradient(value)


def on_host(variable: Any) -> np.ndarray:
    """What a variable holds."""
    return np.asarray(ops.convert_to_numpy(read(variable)))
