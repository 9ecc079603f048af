"""What models that people published are made of, and nothing is wrong with."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

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


class Nearer(keras.constraints.Constraint):
    """Columns of shares, which divides by their sums against a division by zero."""

    def __call__(self, w):
        w = ops.maximum(w, 0.0)
        return w / (1e-7 + ops.sum(w, axis=0, keepdims=True))


def test_a_weight_of_zeros_that_nothing_comes_near():
    """The constraint leaves it where it is, and throws all beside it far away: no bound."""
    x = np.abs(X[:, :4])
    shares = x / x.sum(1, keepdims=True)
    start = keras.initializers.Identity()
    mixes = layers.Dense(
        4, use_bias=False, kernel_constraint=Nearer(), kernel_initializer=start, name="mixes"
    )
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    mixed = mixes(inputs)
    model = keras.Model(inputs, mixed / ops.sum(mixed, axis=-1, keepdims=True))
    model.compile("adam", "mse")
    codes = [code for code, _ in counted(ci.diagnose(model, shares, np.roll(shares, 1, axis=1)))]
    assert "CW302" not in codes


def test_rows_that_are_not_trained():
    """No step applies a constraint to them: along which axes it would work is a note."""
    codes = {"embeddings_initializer": keras.initializers.Identity(), "trainable": False}
    rows = layers.Embedding(6, 6, embeddings_constraint=keras.constraints.UnitNorm(), **codes)
    report = diagnosed(
        rows, layers.Flatten(), layers.Dense(1), x=RNG.integers(0, 6, (64, 3)).astype("int32")
    )
    assert [f.code for f in report.findings] == ["CW301"]
    assert report.ok


class Within(keras.constraints.Constraint):
    """An interval whose ends are taken by what lies above it, and zero by what lies below zero."""

    def __call__(self, w):
        w = w * ops.cast(w >= 0, w.dtype)
        return w * ops.clip(w, 1.0, 8.0) / (1e-7 + w)


class Waves(layers.Layer):
    def build(self, shape):
        self.pace = self.add_weight(
            shape=(8,), initializer="ones", constraint=Within(), name="pace"
        )
        self.pace.assign(np.array([5.7, 2.8, 7.6, 1.5, 3.4, 3.4, 4.2, 5.2], "float32"))

    def call(self, x):
        return ops.sin(self.pace * x[:, :1])


def test_an_interval_that_zero_escapes():
    """A leap of a vector is told without a word on matrices."""
    report = diagnosed(Waves(), layers.Dense(1))
    found = next(f for f in report.findings if f.code == "CW215")
    assert "QR" not in found.fix
    assert "interval" in found.fix


@pytest.mark.parametrize("apart", [False, True])
def test_a_head_that_only_adds_behind_a_sigmoid(apart):
    """Of nothing negative a sigmoid gives a half at least; with a free bias it gives all."""
    keep = {"kernel_constraint": "non_neg", "kernel_initializer": "random_uniform"}
    parts = [
        layers.Dense(12, "relu", name="hidden"),
        layers.Dense(1, None if apart else "sigmoid", bias_constraint="non_neg", **keep),
        *([layers.Activation("sigmoid")] if apart else []),
    ]
    y = RNG.uniform(0, 1, (64, 1)).astype("float32")
    first = next(f for f in diagnosed(*parts, y=y).findings if f.counts)
    assert (first.code, first.evidence["low"]) == ("CW605", 0.5)
    assert first.treatment.healed
    assert "bias_constraint" not in first.treatment.code
    parts[1] = layers.Dense(1, None if apart else "sigmoid", **keep)
    assert "CW605" not in [code for code, _ in counted(diagnosed(*parts, y=y))]


def wasserstein(targets, scores):
    return ops.mean(targets * scores)


def test_a_bias_that_cancels_beside_a_dropout():
    """As many real examples as false ones: the bias of a critic adds nothing, whatever is drawn."""
    parts = [layers.Dense(16, "relu"), layers.Dropout(0.3), layers.Dense(1, name="score")]
    labels = np.repeat([-1.0, 1.0], 32)[:, None].astype("float32")
    report = diagnosed(*parts, y=labels, loss=wasserstein, rate=1e-4)
    found = [f for f in report.findings if f.code == "CW503"]
    assert all(f.level == "info" for f in found), str(report)


def test_a_model_that_has_nothing_left_to_learn():
    """Its loss is rounding, which grows tenfold and means nothing."""
    x = np.linspace(0.1, 0.9, 9, dtype="float32")[:, None]
    report = diagnosed(layers.Dense(1, kernel_initializer="ones"), x=x, y=x)
    assert counted(report) == []


class Slopes(layers.Layer):
    """A slope for each unit, with a bound that was meant for each of them."""

    def build(self, shape):
        bound = keras.constraints.MaxNorm(3.5)
        self.slope = self.add_weight(
            shape=(shape[-1],), initializer="ones", constraint=bound, name="slope"
        )

    def call(self, x):
        return ops.sigmoid(self.slope * x)


def test_a_norm_over_a_vector():
    """It is that of all entries: what bounds each of them is told."""
    first = diagnosed(layers.Dense(64), Slopes(), layers.Dense(1)).findings[0]
    assert (first.code, first.weight.split("/")[-1]) == ("CW101", "slope")
    assert "ci.Box(-3.5, 3.5)" in first.message


class Decays(layers.Layer):
    """A state that decays at rates whose norm was bounded in place of each of them."""

    def __init__(self, bound):
        super().__init__(name="decays")
        self.bound = bound

    def build(self, shape):
        start = keras.initializers.RandomUniform(0.3, 1.0, seed=1)
        self.tau = self.add_weight(
            shape=(shape[-1],), initializer=start, constraint=self.bound, name="tau"
        )

    def call(self, x):
        return x / self.tau


@pytest.mark.parametrize(
    ("bound", "codes"),
    [(keras.constraints.MinMaxNorm(0.01, 10.0), ["CW302"]), (ci.Box(0.01, 10.0), [])],
)
def test_a_norm_with_a_lower_bound_keeps_no_entry_from_zero(bound, codes):
    """It is a bound of all entries together, which the fix says."""
    report = diagnosed(Decays(bound), layers.Dense(1), rate=1e-3)
    assert [code for code, _ in counted(report)] == codes
    for finding in report.findings[: len(codes)]:
        assert "Box(lower, upper)" in finding.fix
        assert finding.treatment.healed
        assert "Box(lower=0.01, upper=10.0)" in finding.treatment.code
