"""What a diagnosis takes: threads, and how often the same steps are taken."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

RNG = np.random.default_rng(0)
SEQUENCES = RNG.normal(size=(32, 12, 3)).astype("float32")
SUMS = SEQUENCES[:, :, 0].sum(1, keepdims=True)

on_torch = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="only PyTorch shares small operations among threads"
)


NOTED = []
"""What `Counted` notes: a list of its own would be as before when the doctor is done."""


class Counted(layers.Layer):
    """Notes how many threads PyTorch has whenever a step has come to it."""

    def call(self, x):
        import torch

        NOTED.append(torch.get_num_threads())
        return x


@pytest.fixture
def two_threads():
    """PyTorch has two threads, however many processors there are."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    NOTED.clear()
    yield
    torch.set_num_threads(before)


def recurrence(*last, rate=0.01):
    """A recurrence on sequences, with a constraint, and its learning rate."""
    kept = keras.constraints.MaxNorm(3.0)
    memory = layers.LSTM(8, kernel_constraint=kept)
    model = keras.Sequential([keras.Input((12, 3)), memory, layers.Dense(1), *last])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


@on_torch
def test_small_operations_are_computed_by_one_thread(two_threads):
    """The steps of a recurrence are, from the second one on; then there are as many as before."""
    import torch

    assert ci.diagnose(recurrence(Counted()), SEQUENCES, SUMS).ok
    assert torch.get_num_threads() == 2
    assert NOTED[-20:] == [1] * 20


@on_torch
def test_large_operations_keep_their_threads(two_threads):
    """A few large products are shared among threads as ever."""
    dense = [layers.Dense(900), layers.Dense(900)]
    model = keras.Sequential([keras.Input((900,)), *dense, Counted()])
    model.compile("sgd", "mse")
    ci.diagnose(model, np.ones((16, 900), "float32"), np.ones((16, 900), "float32"))
    assert set(NOTED) == {2}
