"""Operations that lose what they are given, behind which everything is finite."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = np.abs(DRAWS.normal(size=(64, 6))).astype("float32") + 0.1
Y = X[:, :1] * X[:, 1:2]


def codes(report):
    return [finding.code for finding in report.findings if finding.counts]


class RootMeanSquare(layers.Layer):
    """A normalization; `wide` squares in float32."""

    def __init__(self, wide, **options):
        super().__init__(**options)
        self.wide = wide

    def call(self, x):
        given = ops.cast(x, "float32") if self.wide else x
        size = ops.rsqrt(ops.mean(ops.square(given), axis=-1, keepdims=True) + 1e-3)
        return x * ops.cast(size, x.dtype)


class Density(layers.Layer):
    """The logarithm of a mixture of densities, by the densities or by their logarithms."""

    def __init__(self, plain, width=0.02, **options):
        super().__init__(**options)
        self.plain, self.width = plain, width

    def build(self, shape):
        self.center = self.add_weight(shape=(3, shape[-1]), name="center")
        self.share = self.add_weight(
            shape=(3,), name="share", initializer=keras.initializers.Constant(1 / 3),
            constraint=ci.Simplex(axis=0),
        )  # fmt: skip

    def call(self, x):
        apart = (x[:, None] - 2.0 - self.center) / self.width
        exponents = -0.5 * ops.sum(ops.square(apart), axis=-1)
        if self.plain:
            return ops.log(ops.sum(self.share * ops.exp(exponents), axis=-1) + 1e-30)[:, None]
        return ops.logsumexp(ops.log(self.share) + exponents, axis=-1)[:, None]


class Bounded(layers.Layer):
    """A rate between 0 and 40 that starts where it is guessed to be, or at that number's logit."""

    def __init__(self, raw, **options):
        super().__init__(**options)
        self.raw = raw

    def build(self, shape):
        start = keras.initializers.Constant(self.raw)
        self.rate = self.add_weight(shape=(), initializer=start, name="rate")
        self.slope = self.add_weight(shape=(), initializer="ones", name="slope")

    def call(self, x):
        return self.slope * x[:, :1] + 40.0 * ops.sigmoid(self.rate)


def normed(wide):
    return [RootMeanSquare(wide, name="norm"), layers.Dense(8, "relu"), layers.Dense(1)]


CASES = {
    "overflow": (lambda: normed(False), 3e3, "mixed_float16", "", "overflow of float16"),
    "underflow": (lambda: [Density(True, name="norm")], 1.0, "float32", "", "every result is 0"),
    "saturated": (lambda: [Bounded(18.0, name="norm")], 1.0, "float32", "norm/rate", "result is 1"),
    "wide": (lambda: normed(True), 3e3, "mixed_float16", "", ""),
    "logarithms": (lambda: [Density(False, 1.0)], 1.0, "float32", "", ""),
    "near": (lambda: [Density(True, 2.0)], 1.0, "float32", "", ""),
    "logit": (lambda: [Bounded(-0.2)], 1.0, "float32", "", ""),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_lost_is_named(case):
    """The operation, its layer and line, before what follows from it; not where nothing is lost."""
    make, scale, policy, weight, limit = CASES[case]
    keras.utils.set_random_seed(0)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = keras.Sequential([keras.Input((6,)), *make()])
        model.compile(keras.optimizers.Adam(0.01), "mse")
        report = ci.diagnose(model, scale * X, Y)
    finally:
        keras.config.set_dtype_policy(before)
    if not limit:
        assert "CW412" not in codes(report), str(report)
        return
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW412", "norm"), str(report)
    assert first.weight.endswith(weight)
    assert limit in first.message
    assert first.source.file == __file__
    assert all(f.cause.startswith("CW412") for f in report.findings[1:] if f.counts), str(report)
    if case != "underflow":
        assert first.treatment.healed


def test_a_signal_that_saturates_has_another_rule():
    """Of a sigmoid of weights alone CW412 tells; of one of signals, CW402."""
    far = keras.initializers.Constant(40.0)
    model = keras.Sequential([
        keras.Input((6,)), layers.Dense(8, "tanh", bias_initializer=far), layers.Dense(1)
    ])  # fmt: skip
    model.compile(keras.optimizers.Adam(0.001), "mse")
    assert codes(ci.diagnose(model, X, Y))[0] == "CW402"


def test_what_is_lost_elsewhere_is_no_cause():
    """A weight that nothing uses is told as such, though something underflows in another layer."""

    class Far(layers.Layer):
        def call(self, x):
            return x + ops.exp(-1e3 * ops.square(x + 5.0))

    class Idle(layers.Dense):
        def build(self, shape):
            super().build(shape)
            self.unused = self.add_weight(shape=(2,), name="unused")

    model = keras.Sequential([keras.Input((6,)), Far(), Idle(1)])
    model.compile("adam", "mse")
    assert "CW412" not in codes(ci.diagnose(model, X, Y))


def test_an_infinity_that_the_outputs_hide():
    """The gradient of a curve over the logarithm of a dose of zero: the logarithm is at fault."""

    class Response(layers.Layer):
        def build(self, shape):
            self.slope = self.add_weight(shape=(), initializer="ones", constraint="non_neg")

        def call(self, x):
            return ops.sigmoid(self.slope * ops.log(x[:, :1]))

    x = X.copy()
    x[::4, 0] = 0.0
    model = keras.Sequential([keras.Input((6,)), Response(name="curve")])
    model.compile("adam", "mse")
    first = ci.diagnose(model, x, np.clip(Y, 0, 1)).findings[0]
    assert first.code == "CW501"
    assert "the operation is log in 'curve': log of 0" in first.message
    assert "ops.log(x[:, :1])" in str(first.source)
    assert first.treatment.healed


class Grades(layers.Layer):
    """The chances of four grades, by three cut points."""

    def build(self, shape):
        self.cuts = self.add_weight(
            shape=(3,), initializer="zeros", name="cuts", constraint=ci.Monotone(axis=0)
        )

    def call(self, score):
        below = ops.sigmoid(self.cuts - score)
        nothing = ops.zeros_like(score)
        edges = ops.concatenate([nothing, below, nothing + 1], axis=-1)
        return edges[:, 1:] - edges[:, :-1]


def test_cut_points_that_start_alike():
    """A floor under the logarithm would leave grades without a chance: the start is what mends."""
    keras.utils.set_random_seed(0)
    grades = np.digitize(X[:, 0], [0.4, 0.8, 1.2])
    model = keras.Sequential([keras.Input((6,)), layers.Dense(1), Grades(name="grade")])
    loss = lambda wanted, chances: -ops.log(ops.sum(wanted * chances, axis=-1))  # noqa: E731
    model.compile(keras.optimizers.Adam(0.01), loss)
    first = ci.diagnose(model, X, np.eye(4, dtype="float32")[grades]).findings[0]
    assert first.code == "CW502"
    assert first.treatment.healed
    assert "grade/cuts starts with its entries apart" in first.treatment.change
    assert "ops.linspace(-2, 2, shape[0])" in first.treatment.code
