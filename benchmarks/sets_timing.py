"""Times of functions beside one another."""

# isort: off
import cores  # noqa: F401
# isort: on

import dataclasses
import statistics
import time

import keras

BACKEND = keras.backend.backend()
if BACKEND == "torch":
    import torch

    torch.set_num_threads(1)
    ON_GPU = torch.cuda.is_available()
elif BACKEND == "tensorflow":
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    ON_GPU = bool(tf.config.list_physical_devices("GPU"))
else:
    import jax

    ON_GPU = jax.default_backend() == "gpu"


def compiled(function):
    """As a train step runs it: `jax.jit`, `tf.function`, eager torch without gradients.

    A call ends when the device has ended.
    """
    if BACKEND == "jax":
        run = jax.jit(function)
        return lambda w: run(w).block_until_ready()
    if BACKEND == "tensorflow":
        run = tf.function(function)
        return (lambda w: on_host(run(w))) if ON_GPU else run
    run = torch.no_grad()(function)
    return (lambda w: synchronized(run(w))) if ON_GPU else run


def synchronized(x):
    """A tensor of PyTorch, once it is there."""
    torch.cuda.synchronize()
    return x


def on_host(x):
    """A tensor of TensorFlow, once its last entry is on the host."""
    x[(-1,) * len(x.shape)].numpy()
    return x


@dataclasses.dataclass
class Time:
    """Milliseconds of a function: median and best, and the first call, which compiles, if new."""

    median: float
    best: float
    first: float | None


def race(runners, seconds, new=True, most=2000):
    """The `Time` of each runner; they take turns, so that what slows one slows all.

    Three turns at least, unless they take four times as long as they may.
    """
    firsts = [once(run) if new else None for run in runners]
    found = [[] for _ in runners]
    begin = time.perf_counter()
    while not found[0] or (
        time.perf_counter() - begin < (seconds if found[0][2:] else 4 * seconds)
        and len(found[0]) < most
    ):
        turn = len(found[0]) % len(runners)
        for i in (*range(turn, len(runners)), *range(turn)):
            found[i].append(once(runners[i]))
    pairs = zip(found, firsts, strict=True)
    return [Time(statistics.median(all_), min(all_), first) for all_, first in pairs]


def once(run):
    """Milliseconds of one call."""
    begin = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - begin)
