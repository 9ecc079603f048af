"""Zeros that nothing leaves: in a state, a divisor, a ReLU that a loss divides by, an exponential.

And states that a loop adds to, and exponentials that multiply through layers.
"""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments._in_steps import in_shorter_steps
from constrainit.doctor.treatments._own_sums import on_logarithms
from constrainit.doctor.treatments._safe_divisors import without_zeros

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 4)).astype("float32")
Y = (X[:, :1] - 0.5 * X[:, 1:2]).astype("float32")


class Spectral(layers.Layer):
    """A kernel divided by a norm that is estimated by a vector, which starts at zero."""

    def __init__(self, start="zeros", **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 8), name="kernel")
        self.u = self.add_weight(shape=(8, 1), initializer=self.start, trainable=False, name="u")

    def call(self, x):
        v = ops.matmul(self.kernel, self.u)
        v = v / (ops.sqrt(ops.sum(ops.square(v)) + 1e-30) + 1e-20)
        norm = ops.sum(ops.square(ops.matmul(ops.transpose(self.kernel), v)))
        return ops.matmul(x, self.kernel) / (norm + 1e-20)


class Sinc(layers.Layer):
    """A quotient of zeros behind a `where`, which hides its value only."""

    def build(self, shape):
        self.width = self.add_weight(shape=(4,), initializer="ones", name="width")

    def call(self, x):
        angle = self.width * ops.arange(-2, 2, dtype="float32")
        return x * ops.where(angle == 0, 1.0, ops.sin(angle) / angle)


class Matched(layers.Layer):
    """Exponentials of whole rows that are zero in float32, divided by their sums."""

    def call(self, x):
        apart = ops.square(x[:, :, None] - ops.linspace(-1.0, 1.0, 4))
        p = ops.exp(-apart / 0.001)
        for _ in range(3):
            p = p / ops.sum(p, axis=2, keepdims=True)
            p /= ops.sum(p, axis=1, keepdims=True)
        return ops.sum(p * ops.arange(4, dtype="float32"), axis=2)


class Steps(layers.Layer):
    """A state that a loop adds to."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(16, activation="relu", kernel_initializer="he_normal")
        self.outer = layers.Dense(4, kernel_initializer="he_normal")

    def build(self, shape):
        self.inner.build(shape)
        self.outer.build((None, 16))

    def call(self, h):
        for _ in range(30):
            h = h + self.outer(self.inner(h))
        return h


class Coupled(layers.Layer):
    """Exponentials of what it computes, without a bound."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        wide = keras.initializers.RandomNormal(stddev=3.0, seed=1)
        self.scale = layers.Dense(4, kernel_initializer=wide)

    def build(self, shape):
        self.scale.build(shape)

    def call(self, x):
        return x * ops.exp(self.scale(x))


def deviations(y_true, y_pred):
    mean, deviation = y_pred[:, :1], y_pred[:, 1:]
    return ops.mean(ops.log(deviation) + 0.5 * ops.square((y_true - mean) / deviation))


def report_of(*parts, loss="mse", rate=0.01):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile(keras.optimizers.Adam(rate), loss)
    return ci.diagnose(model, X, Y)


def healed(report):
    treatment = report.findings[0].treatment
    assert treatment is not None
    assert treatment.healed, str(report)
    return treatment


def test_a_state_of_zeros_is_drawn():
    report = report_of(Spectral(name="one"), Spectral(name="two"), layers.Dense(1))
    done = healed(report)
    assert "one/u" in done.change
    assert "two/u drawn at random" in done.change
    well = report_of(Spectral("random_normal"), Spectral("random_normal"), layers.Dense(1))
    assert not [f for f in well.findings if f.code == "CW501"]


def test_a_divisor_is_replaced_inside_of_a_where():
    report = report_of(layers.Dense(4), Sinc(), layers.Dense(1))
    assert report.findings[0].code == "CW501"
    assert "/ keras.ops.where(angle == 0, 1.0, angle)" in healed(report).diff


def test_shares_of_exponentials_are_normalized_as_logarithms():
    report = report_of(layers.Dense(4, name="score"), Matched(), layers.Dense(1))
    assert "logsumexp" in healed(report).diff


class Shares(layers.Layer):
    """A softmax that is written by hand, of numbers in the hundreds."""

    def call(self, x):
        weights = ops.exp(300.0 * x)
        return x * (weights / ops.sum(weights, axis=-1, keepdims=True))


def test_shares_of_exponentials_that_overflow_are_a_softmax():
    report = report_of(layers.Dense(4, name="score"), Shares(), layers.Dense(1))
    assert report.findings[0].code == "CW401"
    assert "+        return x * (ops.softmax(weights, axis=-1))" in healed(report).diff


@pytest.mark.parametrize(("code", "new"), [
    (
        "return ops.exp(x) / ops.sum(ops.exp(x), axis=1, keepdims=True)",
        "return ops.softmax(x, axis=1)",
    ),
    (
        "p = ops.exp(x / 2)\n    return p / ops.sum(p, axis=-1, keepdims=True)",
        "p = x / 2\n    return ops.softmax(p, axis=-1)",
    ),
], ids=["no name", "a name"])  # fmt: skip
def test_a_quotient_of_exponentials_by_their_sum_is_a_softmax(code, new):
    made = on_logarithms(f"def call(self, x):\n    {code}\n")
    assert made is not None
    assert made[1] == f"def call(self, x):\n    {new}\n"


def test_a_relu_that_a_loss_divides_by_becomes_a_softplus():
    given = keras.Input((4,))
    inner = layers.Dense(8, activation="tanh")(given)
    ends = [layers.Dense(1)(inner), layers.Dense(1, activation="relu", name="deviation")(inner)]
    keras.utils.set_random_seed(0)
    model = keras.Model(given, layers.Concatenate()(ends))
    model.compile(keras.optimizers.Adam(0.01), deviations)
    report = ci.diagnose(model, X, Y)
    assert report.findings[0].code == "CW502"
    assert healed(report).change.startswith("deviation with a softplus in place of its relu")


def test_a_loop_adds_less_at_each_turn():
    report = report_of(Steps(name="steps"), layers.Dense(1))
    assert "(self.outer(self.inner(h))) / 30" in healed(report).diff
    assert all(f.cause for f in report.findings[1:] if f.counts and f.code in ("CW403", "CW503"))


def test_exponentials_through_layers_start_smaller():
    parts = [Coupled(name=f"coupled_{place}") for place in range(4)]
    report = report_of(*parts, layers.Dense(1))
    assert "kernels in layers of Coupled times" in healed(report).change


@pytest.mark.parametrize(("edit", "code"), [
    # What is used in another way, and sums that do not keep their axis, stay.
    (on_logarithms, "p = ops.exp(x)\n    p = p / ops.sum(p, axis=1)\n    return p"),
    (on_logarithms, "p = ops.exp(x)\n    p = p + 1\n    p = p / ops.sum(p, keepdims=True, axis=1)"),
    (in_shorter_steps, "for h in range(3):\n        s = s + 1.0\n    return s"),
    (in_shorter_steps, "for h in steps:\n        x = x + f(x)\n    return x"),
    (without_zeros("return x / 2.0"), "return x / 2.0"),
], ids=["no axis kept", "a sum", "a count", "no range", "a number"])  # fmt: skip
def test_code_of_another_form_is_left_alone(edit, code):
    assert edit(f"def call(self, x):\n    {code}\n") is None


def test_a_loop_in_a_loop_is_edited_once():
    """By the turns of the inner one."""
    code = "def call(self, h):\n for _ in range(2):\n  for _ in range(self.n):\n   {}\n"
    edited = in_shorter_steps(code.format("h = h + self.f(h)"))
    assert edited is not None
    assert edited[1] == code.format("h = h + (self.f(h)) / self.n")
