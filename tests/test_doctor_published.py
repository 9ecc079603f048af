"""What models that people published are made of, and nothing is wrong with."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype("float32")
Y = X.sum(1, keepdims=True)


def diagnosed(*parts, x=X, y=Y, loss="mse", rate=0.01):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(x.shape[1:]), *parts])
    model.compile(keras.optimizers.Adam(rate), loss)
    return ci.diagnose(model, x, y)


def counted(report):
    return [(f.code, f.weight or f.layer) for f in report.findings if f.counts]


class Unfolded(layers.Layer):
    """A state that begins at zero, and a layer that is given it at each step of a loop."""

    def build(self, shape):
        self.mix = layers.Dense(shape[-1], kernel_initializer="orthogonal", name="mix")
        self.mix.build(shape)

    def call(self, x):
        state = ops.zeros_like(x)
        for _ in range(3):
            state = state + 0.3 * (ops.tanh(x + self.mix(state)) - state)
        return state


def test_a_layer_that_a_loop_gives_zeros_first():
    """It gives one number for all examples in its first call, and not in the others."""
    assert counted(diagnosed(Unfolded(), layers.Dense(1))) == []


@pytest.mark.parametrize(("size", "codes"), [(2000.0, []), (1.0, ["CW404"])])
def test_numbers_as_large_as_the_targets(size, codes):
    """Weights of a thousand are right for targets of thousands, and for no others."""
    x = RNG.integers(0, 2, (64, 16)).astype("float32")
    large = keras.initializers.Constant(1000.0)
    head = layers.Dense(4, kernel_initializer=large, kernel_constraint="non_neg")
    report = diagnosed(head, x=x, y=(x @ RNG.uniform(0, size, (16, 4))).astype("float32"), rate=1.0)
    assert [code for code, _ in counted(report)][:1] == codes


def test_a_norm_between_minus_one_and_one():
    """No norm is negative: such a bound says nothing, and a rate is a matter of pace."""
    within = keras.constraints.MinMaxNorm(-1.0, 1.0, rate=0.8)
    report = diagnosed(layers.Dense(8, kernel_constraint=within), layers.Dense(1))
    assert "CW205" not in [code for code, _ in counted(report)]
    assert "Relaxed" in type(ci.as_set(within)).__name__
