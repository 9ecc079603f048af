"""Weights of layers of one's own that are too large by what is computed from them."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments._ends import stands_still

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)


class Generated(layers.Layer):
    """A product with weights that another layer gives."""

    def __init__(self, width, start, **kwargs):
        super().__init__(**kwargs)
        self.width, self.start = width, start

    def build(self, shapes):
        self.fan_in = shapes[0][-1]
        self.give = layers.Dense(self.fan_in * self.width, kernel_initializer=self.start)
        self.give.build(shapes[1])

    def call(self, inputs):
        x, task = inputs
        kernel = ops.reshape(self.give(task), (-1, self.fan_in, self.width))
        return ops.relu(ops.einsum("bi,bij->bj", x, kernel))


def generated(start):
    keras.utils.set_random_seed(0)
    x, task = keras.Input((6,)), keras.Input((8,))
    h = x
    for _ in range(4):
        h = Generated(16, start)([h, task])
    model = keras.Model([x, task], layers.Dense(1)(h))
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse")
    draws = np.random.default_rng(0)
    given = [draws.normal(size=(64, n)).astype("float32") for n in (6, 8)]
    return ci.diagnose(model, given, (given[0][:, :1] * given[1][:, :1]))


def test_weights_that_a_kernel_of_the_usual_size_generates():
    """The layers are named that each multiply the signal; no rate that trains nothing heals."""
    first = generated("he_normal").findings[0]
    assert (first.code, first.layer) == ("CW404", "generated")
    assert first.evidence["gain"] > 3
    assert len(first.evidence["within"]) == 4
    assert first.treatment.healed
    assert "kernels scaled so that what each layer gives is about one" in first.treatment.change


def test_weights_that_a_small_kernel_generates():
    """Nothing is exploding where the generator starts by the fan-in of what it gives."""
    report = generated(keras.initializers.RandomNormal(stddev=0.1, seed=0))
    assert not [finding for finding in report.findings if finding.code in ("CW404", "CW401")]


@pytest.mark.parametrize(
    ("factor", "losses", "said"),
    [
        (1e-5, [9.0, 8.99], "the loss falls by 0.1% in 200 steps: nothing is trained"),
        (1e-5, [9.0, 5.0], ""),
        (0.1, [9.0, 8.99], ""),
    ],
)
def test_a_rate_that_trains_nothing(factor, losses, said):
    """One that is lower by orders of magnitude is a cure only if the loss falls with it."""
    farther = SimpleNamespace(
        problem=SimpleNamespace(is_small=True),
        budget=SimpleNamespace(longer=lambda steps: steps),
        treated=lambda *_: SimpleNamespace(evidence=SimpleNamespace(losses=losses)),
    )
    assert stands_still(SimpleNamespace(factor=factor), farther, [], losses) == said
