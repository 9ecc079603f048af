"""Layers that all leave the same coordinates as they are: small models."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# Trials of trainings, on any backend.
pytestmark = pytest.mark.in_turns(every=8)

DRAWS = np.random.default_rng(0)
TURN = DRAWS.uniform(0, 2 * np.pi, 96)
X = np.stack([4 * np.cos(TURN), 4 * np.sin(TURN), 3 * np.sin(2 * TURN), 0.3 * TURN], axis=1)
X = (X + 0.1 * DRAWS.normal(size=X.shape)).astype("float32")


class Coupling(layers.Layer):
    """Passes the coordinates of a mask on, and moves and scales the others by what these tell."""

    def __init__(self, mask, **others):
        super().__init__(**others)
        self.mask, self.more = mask, True
        self.inner = layers.Dense(8, activation="tanh")
        self.last = layers.Dense(8, kernel_initializer="zeros")

    def build(self, shape):
        self.inner.build((None, 4))
        self.last.build((None, 8))

    def call(self, x):
        m = ops.convert_to_tensor(self.mask, dtype="float32")
        scale, move = ops.split(
            self.last(self.inner(x * m)) * ops.concatenate([1 - m, 1 - m]), 2, -1
        )
        scale = ops.tanh(scale)
        self.add_loss(-ops.mean(ops.sum(scale, axis=-1)))
        return x * ops.exp(scale) + move


class Halved(layers.Layer):
    """The same without a mask: always the first half is passed on, but if `flip` is set."""

    def __init__(self, flip, **others):
        super().__init__(**others)
        self.flip = flip
        self.move = layers.Dense(2, activation="tanh")
        self.scale = layers.Dense(2, activation="tanh", kernel_initializer="zeros")

    def build(self, shape):
        self.move.build((None, 2))
        self.scale.build((None, 2))

    def call(self, x):
        a, b = ops.split(x, 2, axis=-1)
        a, b = (b, a) if self.flip else (a, b)
        scale = self.scale(a)
        self.add_loss(-ops.mean(ops.sum(scale, axis=-1)))
        b = b * ops.exp(scale) + self.move(a)
        return ops.concatenate([b, a] if self.flip else [a, b], axis=-1)


class ThereAndBack(layers.Layer):
    """Flips the coordinates and flips them back, beside the logarithm of what it scales by."""

    def build(self, shape):
        self.move = layers.Dense(1, activation="tanh")
        self.scale = layers.Dense(1, activation="tanh", kernel_initializer="zeros")
        for layer in (self.move, self.scale):
            layer.build((None, 1))

    def call(self, state):
        x = ops.flip(state[:, :2], axis=-1)
        a, b = x[:, :1], x[:, 1:]
        x = ops.concatenate([a, b * ops.exp(self.scale(a)) + self.move(a)], axis=-1)
        x = ops.flip(x, axis=-1)
        return ops.concatenate([x, state[:, 2:] + self.scale(a)], axis=-1)


class Beside(layers.Layer):
    """Features that are refined, beside coordinates that every layer is to see."""

    def build(self, shape):
        self.w = self.add_weight(shape=(4, 2))

    def call(self, x):
        return ops.concatenate([x[:, :2], x[:, 2:] + ops.tanh(ops.matmul(x, self.w))], axis=-1)


def normal(_, z):
    return 0.5 * ops.sum(ops.square(z), axis=-1)


def of_the_last(_, z):
    """Of the last two coordinates alone, given the first two."""
    return 0.5 * ops.sum(ops.square(z[:, 2:]), axis=-1)


def model_of(*own, end=(), loss=normal):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *own, *end])
    model.compile(keras.optimizers.Adam(0.02), loss)
    return model


def found(report):
    return [finding for finding in report.findings if finding.code == "CW107"]


def named(make):
    keras.utils.set_random_seed(0)
    return [make(name=f"c{i}") for i in range(3)]


FIRST, APART = [1, 1, 0, 0], np.array([1, 0, 1, 0])
FAULTY = {
    "a list": (lambda: named(partial(Coupling, FIRST)), "mask", [0, 0, 1, 1]),
    "an array": (lambda: named(partial(Coupling, APART)), "mask", "1 - layer.mask"),
    "a flag": (lambda: named(partial(Halved, False)), "flip", True),
}


@pytest.mark.parametrize("name", FAULTY)
def test_the_same_mask_in_all_layers(name):
    """What they hold is tried the other way in every second one, and can be pasted."""
    make, attribute, value = FAULTY[name]
    model = model_of(*make())
    report = ci.diagnose(model, X, np.zeros((96, 1)))
    (one,) = found(report)
    assert (one.layer, one.level) == ("c1", "warning")
    assert one.evidence["columns"] == 2
    assert one.treatment is not None
    assert one.treatment.healed, str(report)
    assert one.treatment.code == (
        f"for layer in [model.get_layer('c1')]:\n    layer.{attribute} = {value}"
    )
    exec(one.treatment.code, {"model": model})
    assert not found(ci.diagnose(model, X, np.zeros((96, 1))))


def with_logarithm(_, state):
    return 0.5 * ops.sum(ops.square(state[:, :2]), axis=-1) - state[:, 2]


def start(x):
    """Twice the coordinates, and a sum of logarithms that starts at zero."""
    return ops.concatenate([2.0 * x, 0.0 * x[:, :1]], axis=-1)


def test_flips_that_cancel_beside_a_sum_of_logarithms():
    """What begins as one number is no coordinate; a class without its last flip is tried."""
    keras.utils.set_random_seed(0)
    own = [ThereAndBack(name=f"c{i}") for i in range(3)]
    model = keras.Sequential([keras.Input((2,)), layers.Lambda(start), *own])
    model.compile(keras.optimizers.Adam(0.02), with_logarithm)
    report = ci.diagnose(model, X[:, :2], np.zeros((96, 1)))
    (one,) = found(report)
    assert one.layer == "c1"
    assert one.evidence["columns"] == 1
    assert one.message.startswith("columns 1 of the 2 coordinates")
    assert one.treatment is not None
    assert one.treatment.healed, str(report)
    assert "-        x = ops.flip(x, axis=-1)" in one.treatment.diff


QUIET = {
    "in turns": lambda: model_of(Coupling(FIRST), Coupling(FIRST[::-1]), Coupling(FIRST)),
    "flags in turns": lambda: model_of(*(Halved(i % 2 == 1) for i in range(3))),
    "given the others": lambda: model_of(*(Coupling(FIRST) for _ in range(3)), loss=of_the_last),
    "beside": lambda: model_of(*(Beside() for _ in range(3)), end=[layers.Dense(1)], loss="mse"),
}


@pytest.mark.parametrize("name", QUIET)
def test_layers_that_take_turns_or_pass_on_what_is_to_be_seen(name):
    y = np.zeros((96, 1)) if name != "beside" else np.tanh(X[:, :1]) + X[:, 1:2] * X[:, 2:3]
    report = ci.diagnose(QUIET[name](), X, y)
    assert not found(report), str(report)
