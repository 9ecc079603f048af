"""Logarithms of products of one factor for each step, which underflow after many steps."""

import ast

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._products import product_at
from constrainit.doctor.treatments._in_logarithms import normalized_in_each_step

pytestmark = pytest.mark.in_turns(every=16)
STATES, SYMBOLS, STEPS = 3, 40, 48
X = np.random.default_rng(0).integers(0, SYMBOLS, size=(16, STEPS)).astype("int32")

registered = keras.saving.register_keras_serializable("test_doctor_products")


class Chain(layers.Layer):
    """The chances of a hidden Markov model, by rows of softmax."""

    def build(self, shape):
        start = keras.initializers.RandomNormal(stddev=0.5, seed=1)
        self.moves = self.add_weight(shape=(STATES, STATES), initializer=start, name="moves")
        self.signs = self.add_weight(shape=(SYMBOLS, STATES), initializer=start, name="signs")

    def seen(self, x):
        return ops.take(ops.softmax(self.signs, axis=0), x, axis=0)

    def compute_output_shape(self, shape):
        return (shape[0], 1)


@registered
class Scanned(Chain):
    def call(self, x):
        a, seen = ops.softmax(self.moves, axis=-1), self.seen(x)
        first = seen[:, 0] / STATES

        def step(alpha, now):
            alpha = ops.matmul(alpha, a) * now
            return alpha, alpha

        last, _ = ops.scan(step, first, ops.transpose(seen[:, 1:], (1, 0, 2)))
        return ops.log(ops.sum(last, axis=-1, keepdims=True))


@registered
class Looped(Chain):
    def call(self, x):
        a, seen = ops.softmax(self.moves, axis=-1), self.seen(x)
        alpha = seen[:, 0] / STATES
        for time in range(1, STEPS):
            alpha = ops.matmul(alpha, a) * seen[:, time]
        chance = ops.log(ops.sum(alpha, axis=-1))
        return ops.expand_dims(chance, -1)


@registered
class Scaled(Chain):
    def call(self, x):
        a, seen = ops.softmax(self.moves, axis=-1), self.seen(x)
        alpha, logs = seen[:, 0] / STATES, 0.0
        for time in range(1, STEPS):
            alpha = ops.matmul(alpha, a) * seen[:, time]
            size = ops.sum(alpha, axis=-1, keepdims=True)
            alpha, logs = alpha / size, logs + ops.log(size)
        return ops.log(ops.sum(alpha, axis=-1, keepdims=True)) + logs


@registered
class OfWeight(Chain):
    """Its logarithm is that of a weight at the bound of its set, and of no product."""

    def build(self, shape):
        super().build(shape)
        self.share = self.add_weight(
            shape=(SYMBOLS,), initializer="zeros", constraint="non_neg", name="share"
        )

    def call(self, x):
        of_each = ops.log(self.share)
        return ops.sum(ops.take(of_each, x, axis=0), axis=-1, keepdims=True)


def minus(y_true, y_pred):
    return -ops.mean(y_pred, axis=-1) / STEPS


def diagnosed(kind):
    keras.utils.set_random_seed(0)
    given = keras.Input((STEPS,), dtype="int32")
    model = keras.Model(given, kind(name="chain")(given))
    model.compile(keras.optimizers.Adam(0.05), minus)
    return ci.diagnose(model, X, np.zeros((16, 1), "float32"))


@pytest.mark.parametrize("kind", [Scanned, Looped])
def test_a_product_that_underflows(kind):
    """The advice is not to look at the bounds of weights; each step normalized heals."""
    report = diagnosed(kind)
    first = next(f for f in report.findings if f.counts)
    assert first.code == "CW401", str(report)
    assert "a product of a factor below one for each step" in first.fix, str(report)
    assert first.treatment.healed, str(report)
    assert "alpha is normalized in each step" in first.treatment.change, str(report)


def test_a_product_that_is_normalized_is_healthy():
    report = diagnosed(Scaled)
    assert not [f for f in report.findings if f.counts], str(report)


def test_a_weight_at_its_bound_is_no_product():
    report = diagnosed(OfWeight)
    first = next(f for f in report.findings if f.counts)
    assert "log of 0" in first.message, str(report)
    assert "for each step" not in first.fix


LOOP = """
def chance(alpha, seen):
    for now in seen:
        alpha = {step}
    return ops.log(ops.sum(alpha, axis=-1{more}))
"""


@pytest.mark.parametrize(
    ("step", "more", "there", "edited"),
    [
        ("alpha * now", "", True, True),
        ("ops.matmul(alpha, now)", ", keepdims=True", True, True),
        ("ops.matmul(now, alpha)", ", keepdims=True", True, False),
        ("now * (alpha @ now)", "", True, True),
        ("alpha * now", ", keepdims=keep", True, False),
        ("alpha * now / ops.sum(alpha)", "", False, False),
        ("alpha + now", "", False, False),
        ("alpha * alpha * now", "", False, False),
        ("ops.softmax(alpha * now)", "", False, False),
    ],
)
def test_what_is_a_product_of_steps(step, more, there, edited):
    """What is divided, added, or multiplied by itself is none; nor is every sum edited."""
    text = LOOP.format(step=step, more=more)
    line = text.splitlines()[-1].strip()
    assert (product_at(ast.parse(text), 5) is not None) == there
    found = normalized_in_each_step(line)(text)
    assert (found is not None) == edited
    if found is None:
        return
    new, old = ({"ops": ops} for _ in range(2))
    exec(found[1], new)
    exec(text, old)
    draws = np.random.default_rng(0).uniform(0.2, 0.9, size=(5, 3, 3)).astype("float32")
    draws = ops.convert_to_tensor(draws)
    values = [ops.convert_to_numpy(one["chance"](draws[0], draws[1:])) for one in (new, old)]
    np.testing.assert_allclose(*values, rtol=1e-4)


def test_the_logarithm_of_prod_is_told():
    text = "def f(x):\n    p = ops.prod(x, axis=1)\n    return ops.log(p)\n"
    assert product_at(ast.parse(text), 3) is not None
    assert normalized_in_each_step("return ops.log(p)")(text) is None
