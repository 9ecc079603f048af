"""Random numbers that are drawn meanwhile are drawn for nothing: all states come back.

The threads that PyTorch computes with, too.
"""

import contextlib
import random
from collections.abc import Callable, Iterator

import keras
import numpy as np
from keras.src.backend.common import global_state
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR

from constrainit.doctor._state import snapshot


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Restores the global random states of Python, NumPy, Keras and its backend.

    On PyTorch the number of threads, too.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    keepers = [_keras()]
    if keras.backend.backend() == "torch":
        keepers.append(_torch())
    if keras.backend.backend() == "tensorflow":
        keepers += _tensorflow()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        for put_back in keepers:
            put_back()


def _keras() -> Callable[[], None]:
    """Of the generator that layers and operations without a seed of their own draw from."""
    generator = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
    state = None if generator is None else snapshot(generator.state)

    def put_back():
        global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, generator)
        if generator is not None:
            generator.state.assign(state)

    return put_back


def _torch() -> Callable[[], None]:
    """Of the processor and of each GPU: layers such as `Dropout` draw from them."""
    import torch

    states = torch.random.get_rng_state(), torch.cuda.get_rng_state_all()
    threads = torch.get_num_threads()

    def put_back():
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.random.set_rng_state(states[0])
        torch.cuda.set_rng_state_all(states[1])

    return put_back


def _tensorflow() -> list[Callable[[], None]]:
    """Of the operations without a seed, once `set_seed` was called, and of the generator."""
    from tensorflow.python.eager import context
    from tensorflow.python.ops import stateful_random_ops

    keepers = []
    draws = getattr(context.context(), "_rng", None)
    if draws is not None:
        state = draws.getstate()
        keepers.append(lambda: draws.setstate(state))
    generator = stateful_random_ops.global_generator
    if generator is not None:
        held = generator.state.read_value()
        keepers.append(lambda: generator.state.assign(held))
    return keepers
