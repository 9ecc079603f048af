"""Starts of the wrong size: too large for their fan-in, too small for depth, or for their bound."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._stretches import stretches

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 32)).astype("float32")
LABELS = (X[:, :1] > 0).astype("float32")
WORDS = DRAWS.integers(0, 20, size=(64, 40)) + 20 * (LABELS > 0)


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)


def first_of(report):
    return next((finding for finding in report.findings if finding.counts), None)


def compiled(parts, shape, loss, optimizer):
    model = keras.Sequential([keras.Input(shape), *parts])
    model.compile(optimizer, loss)
    return model


def classifier(start, constraint=None):
    """Layers that are drawn by one initializer, and a sigmoid behind them."""
    parts = [
        layers.Dense(64, "relu", kernel_initializer=start, name="small"),
        layers.Dense(64, "relu", kernel_initializer=start, kernel_constraint=constraint),
        layers.Dense(1, "sigmoid", kernel_initializer=start, name="out"),
    ]
    return compiled(parts, (32,), "binary_crossentropy", keras.optimizers.Adam(0.01))


@pytest.mark.parametrize("constraint", [None, keras.constraints.MaxNorm(50)])
def test_kernels_that_are_drawn_too_large_for_their_fan_in(constraint):
    """They are the root: a sigmoid behind them is flat, and no gradient gets through."""
    report = ci.diagnose(
        classifier(keras.initializers.RandomNormal(0.0, 1.0), constraint), X, LABELS
    )
    first = first_of(report)
    assert (first.code, first.layer) == ("CW404", "small"), str(report)
    assert first.weight.endswith("kernel")
    assert len(first.evidence["kernels"]) == 3
    assert first.treatment.healed, str(report)
    assert "kernel_initializer='he_normal'" in first.treatment.code
    assert "weight.assign(start(weight.shape, weight.dtype))" in first.treatment.code


@pytest.mark.parametrize("factor", [1.0, 40.0])
def test_a_start_far_beyond_the_targets(factor):
    """A deviation by the number of units: no rate is to blame; not told of targets as large."""

    def by_units(shape, dtype=None):
        scale = float(np.sqrt(2 / shape[1]))
        return scale * keras.random.normal(shape, dtype=dtype or "float32", seed=1)

    wide = np.repeat(X, 12, axis=1)
    parts = [
        layers.Dense(6, "relu", kernel_initializer=by_units, name="narrow"),
        layers.Dense(2, kernel_initializer=by_units),
    ]
    rate = 0.05 if factor == 1 else 1e-5
    model = compiled(parts, wide.shape[1:], "mse", keras.optimizers.SGD(rate))
    first = first_of(ci.diagnose(model, wide, factor * X[:, :2]))
    if factor > 1:
        assert first is None or first.code != "CW404"
        return
    assert (first.code, first.layer) == ("CW404", "narrow")
    assert "as no target is beyond" in first.message
    assert first.treatment.healed
    assert "kernel_initializer='he_normal'" in first.treatment.code


@pytest.mark.parametrize("gain", [1.4, 2.6, 3.4])
def test_a_start_a_hundred_times_beyond_the_targets(gain):
    """Each of ten layers doubles the signal; it stays finite, and the steps take it down."""
    start = keras.initializers.Orthogonal(gain, seed=0)
    parts = [layers.Dense(32, "relu", kernel_initializer=start) for _ in range(10)]
    model = compiled([*parts, layers.Dense(1)], (32,), "mse", keras.optimizers.Adam(0.01))
    first = first_of(ci.diagnose(model, X, X[:, :1]))
    if gain < 2:
        assert first is None
        return
    assert first.code == "CW404"
    # From 1e4 on what grows is told layer by layer.
    assert ("the model starts with up to" in first.message) == (gain < 3)
    assert first.treatment.healed


@pytest.mark.parametrize("deviation", [0.01, None])
def test_kernels_that_are_drawn_too_small_for_their_fan_in(deviation):
    """They are the root of outputs that are the same for all, and are drawn anew together."""
    start = "he_normal" if deviation is None else keras.initializers.RandomNormal(0.0, deviation)
    parts = [
        layers.Dense(16, "relu", kernel_initializer=start, name=f"hidden_{i}") for i in range(8)
    ]
    parts.append(layers.Dense(1, "sigmoid", name="out"))
    model = compiled(parts, (32,), "binary_crossentropy", keras.optimizers.Adam(0.003))
    first = first_of(ci.diagnose(model, X, LABELS))
    if deviation is None:
        assert first is None
        return
    assert first.code == "CW504"
    assert first.weight.endswith("hidden_0/kernel")
    assert "deviates by" in first.message
    assert first.evidence["drawn"][0] == first.weight
    assert len(first.evidence["drawn"]) == 8
    assert first.treatment.healed
    assert "kernel_initializer='he_normal'" in first.treatment.code


def test_kernels_of_the_usual_size_are_not_accused():
    """An output that is saturated after the steps is sure of what it has learnt: a note."""
    report = ci.diagnose(classifier("he_normal"), X, LABELS)
    assert report.ok, str(report)
    assert [(finding.code, finding.level) for finding in report.findings] == [("CW402", "info")]
    assert "sure of the examples" in report.findings[0].message
    assert "center the input" not in report.findings[0].fix


def deep(activation, count=6):
    parts = [layers.Dense(48, activation, name=f"hidden_{i}") for i in range(count)]
    return compiled([*parts, layers.Dense(1)], (32,), "mse", keras.optimizers.SGD(0.01))


def test_a_signal_that_fades_layer_by_layer():
    model = deep("sigmoid")
    first = first_of(report := ci.diagnose(model, X, X[:, :1] + X[:, 1:2]))
    assert (first.code, first.layer) == ("CW504", "hidden_0"), str(report)
    assert first.weight.endswith("hidden_0/kernel")
    assert first.treatment.healed, str(report)
    # The code does what was tried: the signal is there again.
    names = {"model": model, "keras": keras}
    exec(first.treatment.code, names)
    assert np.std(model.predict(X, verbose=0)) > 100 * first.evidence["spread"]


@pytest.mark.parametrize(("activation", "count"), [("tanh", 6), ("relu", 6), ("sigmoid", 2)])
def test_a_signal_that_does_not_fade(activation, count):
    report = ci.diagnose(deep(activation, count), X, X[:, :1] + X[:, 1:2])
    assert first_of(report) is None, str(report)


def vectors(bound):
    """A model of words, whose vectors have a norm of at most `bound`."""
    a_set = keras.constraints.MaxNorm(bound, axis=1)
    parts = [
        layers.Embedding(40, 10, embeddings_constraint=a_set, name="words"),
        layers.Flatten(), layers.Dense(1, "sigmoid"),
    ]  # fmt: skip
    return compiled(parts, (40,), "binary_crossentropy", keras.optimizers.RMSprop(0.001))


def test_a_bound_with_which_a_model_trains():
    report = ci.diagnose(vectors(0.05), WORDS, LABELS)
    assert not [f for f in report.findings if f.code == "CW411"], str(report)


@pytest.mark.filterwarnings("ignore:.*has no members of the wanted scale:UserWarning")
def test_a_bound_far_below_the_start_of_a_weight():
    """A start inside is no cure: it is the bound."""
    report = ci.diagnose(vectors(0.001), WORDS, LABELS)
    first = first_of(report)
    assert (first.code, first.layer) == ("CW411", "words"), str(report)
    assert first.treatment.healed, str(report)
    assert "in place of 0.001" in first.treatment.change
    starts = [f for f in report.findings if f.code in ("CW101", "CW102") and f.counts]
    assert all(f.cause.startswith("CW411") for f in starts)


def with_a_branch(activation):
    """Six layers of non-negative kernels beside one that the loss falls by."""
    given = keras.Input((32,))
    deeper = given
    for index in range(6):
        deeper = layers.Dense(
            16, activation, name=f"deep_{index}", **ci.constrained(kernel=ci.NonNegative())
        )(deeper)
    both = layers.Concatenate()([layers.Dense(8, "relu", name="beside")(given), deeper])
    model = keras.Model(given, layers.Dense(1, name="out")(both))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def test_a_branch_that_fades_beside_one_that_learns():
    report = ci.diagnose(with_a_branch("sigmoid"), X, X[:, :1])
    first = first_of(report)
    assert (first.code, first.layer) == ("CW504", "deep_1"), str(report)
    assert first.treatment.healed, str(report)


def test_a_branch_that_keeps_its_signal_is_not_accused():
    report = ci.diagnose(with_a_branch("softplus"), X, X[:, :1])
    assert "CW504" not in {finding.code for finding in report.findings}, str(report)


LEVELS = DRAWS.random((128, 8)).astype("float32")
SUMS = LEVELS.sum(axis=1, keepdims=True)
SUMS = (SUMS - SUMS.mean()) / SUMS.std()


def averaging(depth, rate=0.01):
    """Layers of non-negative kernels, which average what is all positive."""
    parts = [
        layers.Dense(32, "tanh", name=f"layer_{index}", **ci.constrained(kernel=ci.NonNegative()))
        for index in range(depth)
    ]
    return compiled([*parts, layers.Dense(1)], (8,), "mse", keras.optimizers.Adam(rate))


# Each step of so deep a model is long where it is compiled for a few.
@pytest.mark.parametrize("depth", [8, 12] if keras.backend.backend() == "torch" else [8])
def test_layers_that_tell_examples_apart_less_and_less(depth):
    """Nothing is learnt but a constant; a start that is fitted to the batch is learnt from."""
    report = ci.diagnose(averaging(depth), LEVELS, SUMS)
    first = first_of(report)
    assert (first.code, first.layer) == ("CW504", "layer_0"), str(report)
    assert first.weight.endswith("layer_0/kernel")
    assert first.evidence["loss"] > 0.9
    assert first.evidence["loss_fitted"] < 0.7
    assert first.treatment.healed, str(report)
    assert first.treatment.code.endswith("ci.calibrate(model, x)")


@pytest.mark.parametrize(
    ("given", "fitted"),
    [({"depth": 8, "rate": 0.001}, False), ({"depth": 3}, False), ({"depth": 8}, True)],
    ids=["short steps", "few layers", "fitted"],
)
def test_layers_that_learn_though_they_average(given, fitted):
    model = averaging(**given)
    if fitted:
        ci.calibrate(model, LEVELS)
    report = ci.diagnose(model, LEVELS, SUMS)
    assert "CW504" not in {finding.code for finding in report.findings}, str(report)


def test_layers_in_a_row():
    """A stretch ends where its output goes to two layers, or where two come together."""
    found = stretches(with_a_branch("tanh"))
    assert [f"deep_{index}" for index in range(6)] in found
    assert ["beside"] in found
    assert ["out"] in found
    inner = keras.Sequential([layers.Dense(3, name="a"), layers.Dense(3, name="b")], name="inner")
    given = keras.Input((3,))
    model = keras.Model(given, layers.Dense(1, name="c")(inner(given)))
    assert stretches(model) == [["inner", "c"], ["a", "b"]]
    shared = layers.Dense(3, name="twice")
    model = keras.Model(given, layers.Dense(1, name="c")(shared(shared(given))))
    assert stretches(model) == [["c"]]


def narrow(w):
    return ops.clip(w, -0.01, 0.01)


def test_a_function_with_a_narrow_bound_is_tried_wider():
    """The number stands in the code of the function, which all kernels share."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,))])
    for place in range(4):
        units = {"kernel_constraint": narrow, "activation": "tanh" if place < 3 else None}
        model.add(layers.Dense(32 if place < 3 else 1, name=f"critic_{place}", **units))
    model.compile(keras.optimizers.RMSprop(1e-3), lambda y, score: -ops.mean(y * score))
    x = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
    report = ci.diagnose(model, x, np.sign(x[:, :1]))
    first = report.findings[0]
    assert first.code == "CW411"
    assert first.treatment is not None
    assert first.treatment.healed, str(report)
    assert "in place of 0.01 for 4 weights" in first.treatment.change
    starts = [f for f in report.findings if f.code in ("CW101", "CW102")]
    assert all(f.cause.startswith("CW411") for f in starts)


def of_all_entries(w):
    return w / ops.sqrt(ops.sum(ops.square(w)))


def of_largest(w):
    return w / ops.max(ops.svd(w, compute_uv=False))


@pytest.mark.parametrize("constraint", [of_all_entries, of_largest])
def test_one_number_that_bounds_all_singular_values_together(constraint):
    """Each layer leaves 1/sqrt(n) of the signal, inside its set too; the largest one leaves all."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,))])
    for place in range(6):
        model.add(
            layers.Dense(
                16, "leaky_relu", kernel_initializer="orthogonal", kernel_constraint=constraint,
                name=f"lip_{place}",
            )
        )  # fmt: skip
    model.add(layers.Dense(1))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
    report = ci.diagnose(model, x, np.linalg.norm(x, axis=1, keepdims=True))
    if constraint is of_largest:
        assert not [f for f in report.findings if f.code in ("CW411", "CW504")], str(report)
        return
    first = first_of(report)
    assert first.code == "CW411", str(report)
    assert "16 of them that are alike are 1/sqrt(16) of it, 0.25" in str(
        [f.message for f in report.findings]
    )
    assert "constrainit.SpectralNorm(1)" in first.fix
    assert first.treatment.healed, str(report)
    assert "ci.SpectralNorm(1)" in first.treatment.code
    starts = [f for f in report.findings if f.code in ("CW101", "CW102") and f.counts]
    assert starts, str(report)
    assert all(f.cause.startswith("CW411") for f in starts), str(report)


class PerGroup(layers.Layer):
    """A kernel for each of many groups: the first axis feeds no unit."""

    def __init__(self, activation=None, start="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.activation, self.start = keras.activations.get(activation), start

    def build(self, shape):
        shape = (shape[1], shape[2], shape[2])
        self.kernel = self.add_weight(shape=shape, initializer=self.start, name="kernel")

    def call(self, x):
        return self.activation(ops.einsum("bgi,gio->bgo", x, self.kernel))


def in_groups(start):
    parts = [PerGroup("tanh", start, name=f"group_{place}") for place in range(4)]
    return compiled([*parts, PerGroup(None, start)], (400, 4), "mse", keras.optimizers.SGD(1.0))


def test_kernels_of_groups_that_are_taken_for_a_convolution():
    x = np.random.default_rng(0).normal(size=(16, 400, 4)).astype("float32")
    first = first_of(ci.diagnose(in_groups("glorot_uniform"), x, np.tanh(x[..., ::-1])))
    assert (first.code, first.weight.endswith("group_0/kernel")) == ("CW504", True)
    assert "makes weights 20 times smaller than for 4 inputs" in first.message
    assert first.treatment.healed
    well = keras.initializers.RandomNormal(stddev=0.5, seed=0)
    report = ci.diagnose(in_groups(well), x, np.tanh(x[..., ::-1]))
    assert not [f for f in report.findings if f.code == "CW504"], str(report)
