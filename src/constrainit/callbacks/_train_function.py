"""The train function of a model that is looked at: one for each way of looking.

A step in which nobody looks is then the one that Keras would compile, and costs what it costs
without us. A step that looks is compiled when it is needed first.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

Reader = Callable[[Any], np.ndarray]
"""Gives what a variable of the optimizer holds before a step, once the steps before it are done."""


class TrainFunction:
    """In place of a model's train function; asks its observers before each call.

    Args:
        model: A compiled model.
        make: Its own `make_train_function`.
        observers: What looks at its optimizers.
    """

    def __init__(self, model: Any, make: Callable[..., Any], observers: list[Any]):
        self._model, self._make_own, self._observers = model, make, observers
        # Now: under a distribution JAX asks for the values of variables, which a step takes away.
        # None is compiled before its first step.
        ways = itertools.product((False, True), repeat=len(observers))
        self._made = {way: self._make() for way in ways}

    def __call__(self, *arguments: Any) -> Any:
        """Takes the steps of one execution."""
        steps = getattr(self._model, "steps_per_execution", 1) or 1
        for observer in self._observers:
            observer.ahead(steps, self._reader(arguments))
        way = tuple(observer.looks for observer in self._observers)
        return self._made[way](*arguments)

    def _make(self):
        own, step, present = vars(self._model), self._model.train_step, self._model.train_function
        held = {name: own[name] for name in ("train_step",) if name in own}
        # JAX takes what it has traced once for functions that are equal, as bound methods are.
        own["train_step"] = functools.wraps(step)(lambda *args, **kwargs: step(*args, **kwargs))
        try:
            self._make_own(force=True)
            return self._model.train_function
        finally:
            del own["train_step"]
            own.update(held)
            self._model.train_function = present

    def _reader(self, arguments):
        def of(variable):
            if keras.backend.backend() != "jax":
                return on_host(variable)
            # JAX has taken the values out of the variables.
            place = next(i for i, v in enumerate(self._model.optimizer.variables) if v is variable)
            return np.asarray(arguments[0][2][place])

        return of


def install(model: Any, observer: Any) -> None:
    """Lets an observer be asked before each call of the train function."""
    own = vars(model)
    if not hasattr(own.get("make_train_function"), "observers"):
        own["make_train_function"] = _making(model, model.make_train_function)
    own["make_train_function"].observers.append(observer)
    model.make_train_function(force=True)


def remove(model: Any, observer: Any) -> None:
    """The opposite of `install`."""
    own = vars(model)
    observers = getattr(own.get("make_train_function"), "observers", [])
    observers[:] = [one for one in observers if one is not observer]
    if not observers:
        own.pop("make_train_function", None)
    model.train_function = None


def forget(model: Any) -> None:
    """Tells what looks at a model that its state is no longer what its last step left."""
    for observer in getattr(vars(model).get("make_train_function"), "observers", []):
        observer.forget()


def _making(model, make):
    observers: list[Any] = []

    @functools.wraps(make)
    def wrapper(force: bool = False) -> None:
        if force or model.train_function is None:
            model.train_function = TrainFunction(model, make, observers)

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
