"""Callbacks that begin where a model has its weights, which may be in the first step only.

JAX and PyTorch build a model from the first batch before `fit` tells its callbacks that it begins.
TensorFlow leaves that to the first step, unless it distributes.
"""

import contextlib
import weakref
from typing import Any

import keras

from constrainit.callbacks._fault_state import batches_of
from constrainit.model import is_built, unbuilt


class Late:
    """In place of the train function of a model that is not built, until its first call.

    Builds it from the first batch, as Keras does on the other backends; then callbacks begin.

    Args:
        model: It.
        function: Its train function.
    """

    def __init__(self, model: Any, function: Any):
        self._model, self._function = model, function
        self._waiting: list[tuple[Any, str]] = []

    def add(self, callback: Any, needs: bool) -> None:
        """Lets a callback wait; `needs` says that it can not do without weights."""
        # A fit that ended before its first step told nobody.
        held = [pair for pair in self._waiting if pair[0]() not in (None, callback)]
        name = type(callback).__name__ if needs else ""
        self._waiting = [*held, (weakref.ref(callback), name)]

    def begin(self) -> list[Any]:
        """Gives the train function back and lets the callbacks begin; gives them."""
        self._model.train_function = self._function
        found = [callback for ref, _ in self._waiting if (callback := ref()) is not None]
        self._waiting = []
        for callback in found:
            callback.on_train_begin()
        return found

    def __call__(self, source: Any) -> Any:
        """Takes the first steps, once the model is built and the callbacks have begun."""
        model = self._model
        batches = batches_of(source, model.steps_per_execution or 1)
        if not is_built(model):
            self._build(batches[0])
        for callback in self.begin():
            callback.on_epoch_begin(0)
            callback.on_train_batch_begin(0)
        return model.train_function(iter(batches))

    def _build(self, batch):
        """Builds the model; what is not made for that is left to the step, if that will do."""
        try:
            self._model._symbolic_build(data_batch=batch)
        except Exception as reason:
            needing = [name for _, name in self._waiting if name]
            self._waiting = []
            if needing and not is_built(self._model):
                self._model.train_function = self._function
                raise ValueError(unbuilt(self._model, needing[0])) from reason


def waits(callback: Any, needs: bool = True) -> bool:
    """Whether a callback begins with the first step, as TensorFlow has not built its model yet.

    Its `on_train_begin`, `on_epoch_begin` and `on_train_batch_begin` are then called again.

    Args:
        callback: Whose `on_train_begin` asks.
        needs: Whether it can not do without the weights of the model.
    """
    model = callback.model
    function = getattr(model, "train_function", None)
    late = function if isinstance(function, Late) else None
    if is_built(model):
        # Another callback has built it meanwhile.
        if late is not None:
            late.begin()
        return False
    if keras.backend.backend() != "tensorflow" or function is None:
        return False
    if late is None:
        late = model.train_function = Late(model, function)
    late.add(callback, needs)
    return True


def builds_metrics(model: Any, batch: Any) -> bool:
    """Builds the compiled metrics of a model from a batch, if TensorFlow has left them to a step.

    Gives whether it has: they have variables then, whose values before the step are known.
    """
    metrics = getattr(model, "_compile_metrics", None)
    if keras.backend.backend() != "tensorflow" or metrics is None or metrics.built:
        return False
    # A model with a step of its own may take its batch in another way.
    with contextlib.suppress(Exception):
        model._symbolic_build(data_batch=batch)
    return metrics.built
