"""When code is compiled and when it runs at once. The only branches on the backend for it."""

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
from keras import ops


@functools.cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function(sets, *tensors)`, compiled on JAX, as it is elsewhere.

    Called outside of a compiled step, JAX would compile each loop of a projection anew at each
    call; this way it does so once for equal sets, shapes and dtypes.
    """
    if keras.backend.backend() != "jax":
        return function
    import jax

    whole = jax.jit(function, static_argnums=0)

    def chosen(sets: Any, *tensors: Any) -> Any:
        leaves = jax.tree.leaves(tensors)
        is_little = sum(x.size for x in leaves) <= _LITTLE
        return (hasty() if is_little and not is_traced(*leaves) else whole)(sets, *tensors)

    @functools.cache
    def hasty():
        return jax.jit(function, static_argnums=0, compiler_options=_haste())

    return chosen


_LITTLE = 2**13
"""Up to so many entries more time goes into the compilation of a projection than into itself."""


@functools.cache
def _haste():
    """What tells XLA not to optimize for a CPU; None elsewhere.

    A small program is compiled in a third to a tenth of the time so, and takes up to five times as
    long: tenths of a millisecond.
    """
    import jax

    if jax.default_backend() != "cpu":
        return None
    known: dict[str, Any] = {"xla_backend_optimization_level": 0}
    more = {**known, "xla_cpu_use_fusion_emitters": False}
    try:
        jax.jit(lambda: 0, compiler_options=more)()
    # Some versions know the first only.
    except RuntimeError:
        return known
    return more


def is_traced(*values: Any) -> bool:
    """On JAX, whether a function is being compiled or derived, and all that it calls with it.

    It has options of its own, and another compilation can not begin within it.
    """
    import jax

    tracer = jax.core.Tracer  # pyright: ignore[reportAttributeAccessIssue]
    return any(isinstance(value, tracer) for value in (ops.zeros(()), *values))


@functools.lru_cache(maxsize=256)
def looping(function: Callable[..., Any], *constants: Any) -> Callable[[Any], Any]:
    """`function(*constants, tensor)`, compiled on TensorFlow, which runs a loop slowly otherwise.

    Outside of a compiled step a thousand sweeps take TensorFlow seconds, and other backends not.
    Inside of one, and on JAX by `compiled`, the loop is compiled anyway.
    """
    bound = functools.partial(function, *constants)
    if keras.backend.backend() != "tensorflow":
        return bound
    import tensorflow as tf

    # No loop or branch of Python is on tensors: to look for some takes longer than to trace.
    return tf.function(bound, autograph=False)


def choose(conditions: Any, one: Callable[[], Any], other: Callable[[], Any]) -> Any:
    """`one()` where all conditions hold, else `other()`: only one of the two is computed.

    As `ops.cond`, whose bookkeeping takes PyTorch longer than a cheap projection.
    """
    if keras.backend.backend() != "torch" or conditions.device.type == "meta":
        return ops.cond(ops.all(conditions), one, other)
    return one() if conditions.all() else other()


def repeated(goes_on: Any, step: Any, state: tuple[Any, ...], most: int) -> tuple[Any, ...]:
    """The state after steps, up to so many, for as long as it goes on.

    As `ops.while_loop`, which on PyTorch leaves what it was given to the garbage collector.
    """
    if keras.backend.backend() != "torch":
        return ops.while_loop(goes_on, step, state, maximum_iterations=most)
    for _ in range(most):
        if not goes_on(*state):
            break
        state = step(*state)
    return state


def mended(conditions: Any, x: Any, mend: Callable[[Any], Any]) -> Any:
    """`x` where all conditions hold, else `mend(x)`, which is computed in that case only.

    On JAX in a loop of at most one round: what goes through a branch is copied, the state of a
    loop stays where it is.
    """
    if keras.backend.backend() != "jax":
        return choose(conditions, lambda: x, lambda: mend(x))
    is_sound = ops.all(conditions)
    return ops.while_loop(
        lambda is_sound, x: ops.logical_not(is_sound),
        lambda is_sound, x: (ops.ones_like(is_sound), mend(x)),
        (is_sound, x),
    )[1]


def assign_where(condition: Any, variable: Any, value: Callable[[], Any]) -> None:
    """Assigns `value()` to a variable if a condition holds."""
    if keras.backend.backend() != "torch" or condition.device.type == "meta":
        now = ops.stop_gradient(ops.convert_to_tensor(variable))
        variable.assign(mended(ops.logical_not(condition), now, lambda _: value()))
    # Not with its own value: PyTorch counts assignments, and a gradient may need the one before.
    elif condition:
        variable.assign(value())


@functools.cache
def compiled_draw(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """`function(pair, *constants)` compiled on JAX, once for equal constants; None elsewhere.

    A draw is some thirty operations, each of which JAX would compile alone for each new shape. It
    runs once, so that what counts is the compiler's own time: on a CPU it is told not to optimize,
    which makes the two together three times as quick.
    """
    if keras.backend.backend() != "jax":
        return None
    import jax

    constant = (1, 2, 3, 4, 5)
    whole = jax.jit(function, static_argnums=constant)

    def drawn(*arguments):
        return (whole if is_traced() else hasty())(*arguments)

    @functools.cache
    def hasty():
        return jax.jit(function, static_argnums=constant, compiler_options=_haste())

    return drawn


def at_once() -> AbstractContextManager[Any]:
    """Where operations on constants give numbers, also while a step or a build is being traced."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.ensure_compile_time_eval()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.init_scope()
    # Keras builds on torch's "meta" device, which holds no numbers.
    return keras.device("cpu")


def on_host(function: Callable[[Any], Any], x: Any, shape: tuple[int, ...]) -> Any:
    """`function(array)` in NumPy, whose result has this shape and the dtype of `x`.

    Also where `x` is being traced, as when JAX initializes a large model under `jit`.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        if isinstance(x, jax.core.Tracer):  # pyright: ignore[reportAttributeAccessIssue]
            return jax.pure_callback(function, jax.ShapeDtypeStruct(shape, x.dtype), x)
        return ops.convert_to_tensor(function(x))
    if backend == "tensorflow":
        import tensorflow as tf

        if not hasattr(x, "numpy"):
            return tf.ensure_shape(tf.numpy_function(function, [x], x.dtype), shape)
        return tf.convert_to_tensor(function(x.numpy()))
    import torch

    if x.device.type == "meta":
        return torch.empty(shape, dtype=x.dtype, device=x.device)
    # NumPy knows no bfloat16: what PyTorch gives and takes is float64, which holds all of it.
    # A function of one number gives none that is an array.
    found = np.asarray(function(x.detach().to("cpu", torch.float64).numpy()), "float64")
    return torch.from_numpy(found).to(device=x.device, dtype=x.dtype)


@contextmanager
def in_float64(x: Any) -> Iterator[Any]:
    """`x` in float64, and where a computation may go on in it; as it is on devices without it.

    JAX makes float32 of all that is wider, unless told otherwise.
    """
    backend = keras.backend.backend()
    if backend == "torch" and x.device.type == "mps":
        yield x
    elif backend == "jax":
        import jax

        with jax.enable_x64(True):
            yield x.astype("float64")
    else:
        yield ops.cast(x, "float64")


def exact_products() -> AbstractContextManager[Any]:
    """Where float32 matrices are multiplied in float32 on JAX, whose GPUs would use TF32.

    PyTorch does so unless told otherwise. TensorFlow knows only a switch for the whole process,
    `tf.config.experimental.enable_tensor_float_32_execution(False)`, which is the user's.
    """
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_matmul_precision("highest")
    return nullcontext()
