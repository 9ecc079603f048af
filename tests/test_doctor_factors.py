"""Weights that start at zero and are each other's factor: none of them gets a gradient."""

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 6)).astype("float32")
RISING = np.tanh(X @ np.abs(DRAWS.normal(size=(6, 1)))).astype("float32")
Y = np.tanh(X @ DRAWS.normal(size=(6, 2))).astype("float32")


class LowRank(layers.Layer):
    """A correction of low rank, of its own or of a layer that is not trained."""

    def __init__(self, starts, base=True, **kwargs):
        super().__init__(**kwargs)
        self.starts, self.has_base = starts, base

    def build(self, shape):
        names, sizes = ("down", "up"), ((shape[-1], 2), (2, 6))
        for name, start, size in zip(names, self.starts, sizes, strict=True):
            bound = keras.constraints.MaxNorm(2.0) if name == "down" else None
            made = self.add_weight(name=name, shape=size, initializer=start, constraint=bound)
            setattr(self, name, made)
        draw = keras.initializers.GlorotNormal(1)
        if self.has_base:
            self.base = self.add_weight(shape=(shape[-1], 6), initializer=draw, trainable=False)
        self.bias = self.add_weight(name="bias", shape=(6,), initializer="zeros")

    def call(self, x):
        low = ops.matmul(ops.matmul(x, self.down), self.up)
        return ops.tanh((ops.matmul(x, self.base) if self.has_base else 0.0) + low + self.bias)


def model_of(*parts):
    model = keras.Sequential([keras.Input((6,)), *parts, layers.Dense(2, name="head")])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def of_no_gradient(report):
    return [f for f in report.findings if f.code == "CW503"]


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("starts", [("zeros", "zeros"), ("glorot_uniform", "zeros")])
def test_two_factors_of_zero(starts, blocks):
    """All of them count, whatever is behind them, and one factor of each is drawn."""
    keras.utils.set_random_seed(0)
    model = model_of(*(LowRank(starts, name=f"block_{place}") for place in range(blocks)))
    found = of_no_gradient(ci.diagnose(model, X, Y))
    if starts[0] != "zeros":
        assert found == []
        return
    names = [f"block_{place}/{part}" for place in range(blocks) for part in ("down", "up")]
    assert sorted(f.weight.split("/", f.weight.count("/") - 1)[-1] for f in found) == names
    for finding in found:
        other = finding.weight.replace("/up", "/down")
        other = other if other != finding.weight else finding.weight.replace("/down", "/up")
        assert finding.counts
        assert f"it is zero, as is {other}" in finding.message
        assert finding.treatment.healed
        assert "up drawn" not in finding.treatment.change
        assert finding.treatment.change.count("down") == blocks
        assert finding.treatment.code.startswith("self.add_weight(name='down', ...")
    assert not array(model.get_layer("block_0").down).any()


def test_a_product_that_cuts_off_all_before_it():
    """No operation without a derivative is to blame where the factors are zero."""
    keras.utils.set_random_seed(0)
    model = model_of(layers.Dense(6, name="trunk"), LowRank(("zeros", "zeros"), False, name="low"))
    found = of_no_gradient(ci.diagnose(model, X, Y))
    assert {f.weight.split("/")[-1] for f in found} == {"down", "up", "kernel", "bias"}
    assert not any("without a derivative" in f.fix for f in found)
    assert found[0].weight.endswith("low/down")
    assert found[0].treatment.healed
    for finding in found:
        if "trunk" in finding.weight:
            assert finding.cause == f"CW503 {found[0].weight}"


def test_factors_in_layers_of_their_own():
    """Neither layer by itself changes the loss; both together do."""
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    trunk = layers.Dense(6, name="trunk")(x)
    down = layers.Dense(2, kernel_initializer="zeros", use_bias=False, name="down")(trunk)
    up = layers.Dense(6, kernel_initializer="zeros", use_bias=False, name="up")(down)
    model = keras.Model(x, layers.Dense(2, name="head")(layers.Add()([trunk, up])))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    found = of_no_gradient(ci.diagnose(model, X, Y))
    assert sorted(f.weight for f in found) == ["down/kernel", "up/kernel"]
    for finding in found:
        assert finding.counts
        assert finding.treatment.healed
        assert finding.treatment.code == (
            'keras.layers.Dense(2, use_bias=False, kernel_initializer="glorot_uniform", '
            "name=\"down\")  # in place of 'down'"
        )


def stack(constraint, activation, start="zeros"):
    keras.utils.set_random_seed(0)
    hidden = [
        layers.Dense(5, activation, kernel_initializer=start, kernel_constraint=constraint())
        for _ in range(3)
    ]
    last = layers.Dense(1, kernel_initializer="zeros", kernel_constraint=constraint())
    model = keras.Sequential([keras.Input((6,)), *hidden, last])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(
    "constraint",
    [keras.constraints.NonNeg, ci.NonNegative, lambda: None],
    ids=["keras", "ci", "no"],
)
def test_kernels_of_zeros_are_one_cause(constraint, activation):
    """The initializer is named first, all else follows from it, and the paste does the same."""
    model = stack(constraint, activation)
    first, *others = [f for f in ci.diagnose(model, X, RISING).findings if f.counts]
    assert first.code == "CW105"
    assert 'starts at zero (kernel_initializer="zeros"), as do ' in first.message
    assert len(first.evidence["zeros"]) == 4
    assert others
    assert all(f.cause == f"CW105 {first.weight}" for f in others)
    assert first.treatment.healed
    exec(first.treatment.code, {"keras": keras, "ci": ci, "model": model, "x": X})
    kernels = [array(layer.kernel) for layer in model.layers]
    assert all(kernel.any() for kernel in kernels)
    assert constraint() is None or min(kernel.min() for kernel in kernels) >= 0
    assert not [f for f in ci.diagnose(model, X, RISING).findings if f.code == "CW105"]


def test_a_last_kernel_of_zeros_is_none():
    """It gets a gradient from what the layers before it give."""
    report = ci.diagnose(stack(ci.NonNegative, "tanh", "glorot_uniform"), X, RISING)
    assert not [f for f in report.findings if f.code == "CW105"]


def test_one_kernel_of_zeros_before_a_rectifier():
    """Behind it nothing comes through; what is dead and constant follows."""
    keras.utils.set_random_seed(0)
    dead = layers.Dense(5, "relu", kernel_initializer="zeros", name="dead")
    model = model_of(layers.Dense(6, "relu"), dead)
    first, *others = [f for f in ci.diagnose(model, X, Y).findings if f.counts]
    assert first.code == "CW105"
    assert first.weight.endswith("dead/kernel")
    assert "as do" not in first.message
    assert all(f.cause for f in others)
    assert "(model.get_layer('dead').kernel, " in first.treatment.code


def test_what_is_drawn_for_its_activation_is_written_out():
    """The paste makes the weights that were tried."""
    keras.utils.set_random_seed(0)
    start = keras.initializers.RandomUniform(-2, -1, seed=0)
    parts = [
        layers.Dense(
            8, "relu", bias_initializer=start, kernel_constraint=ci.NonNegative(), name=name
        )
        for name in ("a", "b")
    ]
    model = model_of(*parts)
    ci.prepare(model, seed=0)
    found = [f for f in ci.diagnose(model, X, Y).findings if f.code == "CW403"]
    code = next(f.treatment.code for f in found if ".initializer(" in f.treatment.code)
    assert "..." not in code
    assert "activation='relu', depth=2" in code
    exec(code, {"keras": keras, "ci": ci, "model": model, "x": X})
    assert not [f for f in ci.diagnose(model, X, Y).findings if f.code == "CW403"]
