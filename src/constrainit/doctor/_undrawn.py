"""Weights of a file are not drawn before the file gives them."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """A context in which weights are made as zeros, and drawn at its end if nothing was assigned.

    A draw takes its time, on JAX mostly for its compilation, and loading overwrites it. What a
    layer leaves out of its file still gets its draw. Only the initializers of Keras and of this
    library are put off: others, such as those of the state of a seed, may be more than a draw.
    The layers' own initializers stay in their places.
    """
    waiting: dict[int, tuple[Any, Any]] = {}
    make, assign = keras.Variable.__init__, keras.Variable._direct_assign

    def made(self, *given, **named):
        initializer = named.get("initializer")
        known = _only_draws(initializer)
        make(self, *given, **{**named, "initializer": _zeros} if known else named)
        if known:
            waiting[id(self)] = self, initializer

    def assigned(self, value):
        waiting.pop(id(self), None)
        return assign(self, value)

    keras.Variable.__init__, keras.Variable._direct_assign = made, assigned
    try:
        yield
    finally:
        keras.Variable.__init__, keras.Variable._direct_assign = make, assign
    for variable, initializer in waiting.values():
        if variable._value is None:  # It is computed, by a `Reparametrized`, and not stored.
            continue
        variable.assign(initializer(tuple(variable.shape), dtype=variable.dtype))


def _only_draws(initializer):
    own = type(initializer).__module__.split(".")[0] in ("keras", "constrainit")
    return own and isinstance(initializer, keras.initializers.Initializer)


def _zeros(shape, dtype=None):
    """Zeros by way of NumPy: JAX compiles its own for each shape."""
    return ops.convert_to_tensor(np.zeros(shape, "float32"), dtype=dtype)
