"""Compilation outside of `fit`, where the backend needs it. The only branch for it."""

import functools
from collections.abc import Callable
from typing import Any

import keras


@functools.cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function(sets, tensors)`, compiled on JAX, as it is elsewhere.

    Called outside of a compiled step, JAX would compile each loop of a projection anew at each
    call; this way it does so once for equal sets, shapes and dtypes.
    """
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function, static_argnums=0)
