"""Starts, losses and layers that are named, and that one change by their cause heals."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._problem import Problem
from constrainit.doctor.treatments import single_norms
from constrainit.doctor.treatments._log_sums import log_of_sums
from constrainit.doctor.treatments._meaning import stretched_to
from constrainit.model import walk

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 8)).astype("float32")
Y = X[:, :1] - 0.5 * np.abs(X[:, 1:2])
SERIES = DRAWS.normal(size=(64, 12, 1)).astype("float32") + X[:, None, :1]

registered = keras.saving.register_keras_serializable("test_doctor_healed")


def model_of(*parts, loss="mse", rate=0.01, inputs=(8,)):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(inputs), *parts])
    model.compile(keras.optimizers.Adam(rate), loss)
    return model


def first_of(report):
    return next(finding for finding in report.findings if finding.counts)


def healed(report, code):
    """The treatment of the first finding, which is of this code and healed."""
    first = first_of(report)
    assert first.code == code, str(report)
    assert first.treatment is not None, str(report)
    assert first.treatment.healed, str(report)
    return first.treatment


@pytest.mark.parametrize("size", [128, 160])
def test_all_kernels_that_are_too_large_are_drawn_for_their_fan_in(size):
    """One of them drawn anew would leave the others to make the signal grow."""
    start = keras.initializers.RandomNormal(stddev=1.0, seed=1)
    stack = [layers.Dense(size, "relu", kernel_initializer=start) for _ in range(4)]
    model = model_of(*stack, layers.Dense(1, kernel_initializer=start))
    model.compile(keras.optimizers.SGD(0.01), "mse")
    treatment = healed(ci.diagnose(model, X, Y), "CW404")
    assert "drawn by he_normal" in treatment.change
    assert "drawn by glorot_uniform" in treatment.change
    assert "kernel_initializer='he_normal'" in treatment.code
    for record in walk(model):
        if len(record.shape) > 1:
            assert record.layer.name in treatment.code


def test_kernels_that_a_constraint_makes_grow_are_not_drawn_for_their_fan_in():
    """Of those it is the sum that is too large, not the deviation."""
    positive = {
        "kernel_constraint": "non_neg",
        "kernel_initializer": keras.initializers.RandomUniform(0.0, 1.0, seed=1),
    }
    model = model_of(*[layers.Dense(64, "relu", **positive) for _ in range(5)], layers.Dense(1))
    first = first_of(ci.diagnose(model, X, Y))
    assert first.code == "CW404"
    assert "kernels" not in first.evidence
    assert "he_normal" not in first.fix


def test_normalizations_over_a_single_number_are_left_out():
    """All of them: the second takes away what the first would let through."""
    model = model_of(
        layers.LayerNormalization(name="first"),
        layers.LayerNormalization(name="second"),
        layers.Conv1D(8, 3, activation="relu"),
        layers.GlobalAveragePooling1D(),
        layers.Dense(1),
        inputs=(12, 1),
    )
    report = ci.diagnose(model, SERIES, X[:, :1])
    assert "without first, second" in healed(report, "CW405").change
    assert isinstance(model.layers[0], layers.LayerNormalization)


def test_a_normalization_over_several_numbers_stays():
    """Whatever is said of it."""
    model = model_of(layers.LayerNormalization(), layers.Dense(1))
    report = ci.diagnose(model, X, Y)
    first = report.findings[:1]
    problem = Problem(model, X, Y, None, None, 0)
    assert single_norms.without_them(problem, Evidence(), list(first)) is None


@registered
class Rounded(layers.Dense):
    """Kernels in steps, with the gradient of what is rounded."""

    def __init__(self, units, step=1.0, most=None, **named):
        super().__init__(units, **named)
        self.step, self.most = step, most

    def call(self, x):
        w = self.kernel
        q = self.step * ops.round(w / self.step)
        q = q if self.most is None else ops.clip(q, -self.most, self.most)
        return self.activation(ops.matmul(x, w + ops.stop_gradient(q - w)) + self.bias)

    def get_config(self):
        return {**super().get_config(), "step": self.step, "most": self.most}


@pytest.mark.parametrize(("step", "most"), [(1.0, 1.0), (1.0, None), (1.5, 1.5)])
def test_kernels_that_are_rounded_to_nothing_start_wider(step, most):
    """By as much as the steps ask, which are in the code of the layer."""
    first, last = Rounded(32, step, most, activation="relu"), Rounded(1, step, most)
    model = model_of(first, last)
    treatment = healed(ci.diagnose(model, X, Y), "CW405")
    assert "as wide as the steps" in treatment.change
    [line, _] = [part for part in treatment.code.splitlines() if part.endswith("),")]
    factor = float(line.rpartition(", ")[2].removesuffix("),"))
    widest = factor * np.max(np.abs(ops.convert_to_numpy(first.kernel)))
    assert 0.5 * step < widest < 3 * step


class Stretched(keras.constraints.Constraint):
    """The least entry is taken to one number, the largest to another."""

    def __init__(self, low=0.0, high=1.0):
        self.low, self.high = low, high

    def __call__(self, w):
        shares = (w - ops.min(w)) / (ops.max(w) - ops.min(w))
        return self.low + (self.high - self.low) * shares


class Mixed(layers.Layer):
    """One number that two inputs are mixed by."""

    def __init__(self, shape, constraint, **named):
        super().__init__(**named)
        self.shape_, self.constraint = shape, constraint

    def build(self, shape):
        start = keras.initializers.Constant(0.5)
        self.share = self.add_weight(
            shape=self.shape_, initializer=start, constraint=self.constraint, name="share"
        )

    def call(self, x):
        return self.share * x[:, :1] + (1 - self.share) * x[:, 1:2]


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-0.5, 2.0)])
def test_what_stretches_a_single_number_between_two_bounds(shape, bounds):
    """It is 0/0; the bounds are what its images of several numbers have."""
    model = model_of(Mixed(shape, Stretched(*bounds)), layers.Dense(1))
    report = ci.diagnose(model, X, Y)
    change = healed(report, "CW204").change
    assert f"ci.Box(lower={bounds[0]}, upper={bounds[1]})" in change


@pytest.mark.parametrize(
    "constraint",
    [
        lambda w: ops.clip(w, -20.0, 20.0),
        lambda w: w / ops.sum(ops.abs(w)),
        lambda w: w / ops.max(ops.abs(w)),
        lambda w: (w - ops.mean(w)) / ops.std(w),
        ops.softmax,
    ],
)
def test_what_does_not_stretch_between_bounds(constraint):
    """Its images do not begin and end at the same numbers."""
    model = model_of(Mixed((1,), constraint))
    [record] = [record for record in walk(model) if record.constraint is not None]
    assert stretched_to(record) is None


def of_logarithms(y_true, y_pred):
    return ops.sqrt(ops.mean(ops.square(ops.log(y_pred + 1.0) - ops.log(y_true + 1.0))))


def of_roots(y_true, y_pred):
    return ops.mean(ops.square(ops.sqrt(y_pred + 0.1) - ops.sqrt(y_true + 0.1)))


@pytest.mark.parametrize("loss", [of_logarithms, of_roots])
def test_a_loss_that_fails_below_zero_gets_an_output_above(loss):
    """Where no target is negative; a floor would have no gradient."""
    model = model_of(layers.Dense(16, "relu"), layers.Dense(1, name="last"), loss=loss)
    treatment = healed(ci.diagnose(model, 3 * X, np.exp(Y)), "CW502")
    assert "last with a softplus" in treatment.change


def test_targets_below_zero_ask_for_no_output_above():
    """The loss has no value for them, whatever the model gives."""
    model = model_of(layers.Dense(1), loss=of_roots)
    report = ci.diagnose(model, 3 * X, Y)
    changes = [f.treatment.change for f in report.findings if f.treatment is not None]
    assert not any("softplus" in change for change in changes), str(report)


def of_both(y_true, y_pred):
    center, spread = y_pred[:, :1], y_pred[:, 1:]
    return ops.mean(ops.log(spread) + ops.square((y_true - center) / spread))


def test_of_two_numbers_for_one_target_not_both_are_meant():
    """The other one may be anything."""
    model = model_of(layers.Dense(2), loss=of_both)
    report = ci.diagnose(model, 3 * X, np.exp(Y))
    changes = [f.treatment.change for f in report.findings if f.treatment is not None]
    assert not any("softplus" in change for change in changes), str(report)


def contrastive(y_true, y_pred):
    a, b = ops.split(y_pred, 2, axis=-1)
    near = ops.matmul(a, ops.transpose(b)) / 0.01
    same = ops.exp(ops.diagonal(near))
    return -ops.log(same / ops.sum(ops.exp(near), axis=-1))


def test_a_logarithm_of_exponentials_that_overflow_is_written_without_them():
    """Nothing of the loss changes where it is finite."""
    both = [layers.Dense(16, "relu"), layers.Dense(4), layers.UnitNormalization()]
    part = keras.Sequential(both)
    inputs = keras.Input((2, 8))
    outputs = layers.Concatenate()([part(inputs[:, 0]), part(inputs[:, 1])])
    keras.utils.set_random_seed(0)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.001), contrastive)
    pairs = np.stack([X, X + 0.1 * X[::-1]], axis=1)
    treatment = healed(ci.diagnose(model, pairs, np.zeros((64, 1), "float32")), "CW502")
    assert "+    return -(ops.diagonal(near) - ops.logsumexp(near, axis=-1))" in treatment.diff
    assert "-    same = ops.exp(ops.diagonal(near))" in treatment.diff


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ops.log(ops.exp(x))", "x"),
        ("ops.log(ops.sum(ops.exp(x / 2), axis=1))", "ops.logsumexp(x / 2, axis=1)"),
        (
            "ops.log(ops.exp(x) + ops.exp(y))",
            "keras.ops.logaddexp(x, y)",
        ),
        ("ops.log(1.0 + ops.exp(2 * x))", "keras.ops.softplus(2 * x)"),
        ("3 * ops.log(ops.exp(x) + 1)", "3 * keras.ops.softplus(x)"),
        ("ops.log1p(ops.exp(x))", "keras.ops.softplus(x)"),
        ("ops.log(1 / (1 + ops.exp(-x)))", "(-keras.ops.softplus(-x))"),
        (
            "ops.log(ops.exp(x) / (1 + ops.exp(x)))",
            "(x - keras.ops.softplus(x))",
        ),
        (
            "ops.log(ops.exp(x) * ops.sum(ops.exp(y), axis=0, keepdims=True))",
            "(x + ops.logsumexp(y, axis=0, keepdims=True))",
        ),
        (
            "ops.log(ops.sum(ops.exp(x) / ops.exp(y), axis=0))",
            "ops.logsumexp(x - y, axis=0)",
        ),
        (
            "ops.log(ops.sum(ops.exp(x) * ops.abs(y), axis=1) / 2.0)",
            "(ops.logsumexp(x + keras.ops.log(ops.abs(y)), axis=1) - keras.ops.log(2.0))",
        ),
    ],
)
def test_logarithms_of_exponentials(before, after):
    """Each is the same number, without what overflows."""
    said, text = log_of_sums(f"def f(x, y):\n    return {before}\n")
    assert text == f"def f(x, y):\n    return {after}\n"
    assert ("softplus" if "softplus" in after else "logsumexp") in said
    draws = [ops.convert_to_tensor(X[:4]), ops.convert_to_tensor(X[4:8])]
    same = [
        ops.convert_to_numpy(eval(one, {"ops": ops, "keras": keras, "x": draws[0], "y": draws[1]}))
        for one in (before, after)
    ]
    np.testing.assert_allclose(*same, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "body",
    [
        "return ops.log(ops.sum(x, axis=1))",
        "x = 2 * x\n    return ops.log(ops.sum(ops.exp(y) * x, axis=1))",
        "return ops.log(ops.exp(x) - ops.exp(y))",
        "return ops.log(2 + ops.exp(x))",
        "return ops.log1p(ops.sum(ops.exp(x)) + y)",
        "return np.log(np.exp(x))",
        "x = x / 2\n    z = ops.exp(x)\n    x = x + 1\n    return ops.log(z)",
        "z = ops.exp(x)\n    z = z + 1\n    return ops.log(z)",
        "return ops.log(ops.sum(ops.exp(x), axis=1, initial=1.0))",
    ],
)
def test_other_logarithms_stay(body):
    """What is no sum of exponentials, and names that stand for two things."""
    assert log_of_sums(f"def f(x, y):\n    {body}\n") is None


class Diode(layers.Layer):
    """A softplus of a slope of its own, in two lines."""

    def build(self, shape):
        steep = keras.initializers.Constant(40.0)
        self.slope = self.add_weight(name="slope", shape=(), initializer=steep)

    def call(self, x):
        grown = ops.exp(self.slope * x)
        return ops.log(1 + grown) / self.slope


def test_a_softplus_that_overflows_is_written_without_the_exponential():
    """A floor or a `log1p` would leave it infinite."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(8), Diode(), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    treatment = healed(ci.diagnose(model, 4 * X, 4 * X[:, :1]), "CW401")
    assert "+        return keras.ops.softplus(self.slope * x) / self.slope" in treatment.diff
    assert "-        grown = ops.exp(self.slope * x)" in treatment.diff


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
def test_a_softmax_over_one_unit_runs_over_the_steps_that_it_weighs():
    """As the activation of the layer."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 4))
    weight = layers.Dense(1, activation="softmax", name="score")(
        layers.Dense(8, activation="tanh")(inputs)
    )
    mixed = layers.Flatten()(layers.Dot(axes=1)([layers.Dense(4)(inputs), weight]))
    model = keras.Model(inputs, layers.Dense(1)(mixed))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = DRAWS.normal(size=(64, 12, 4)).astype("float32")
    treatment = healed(ci.diagnose(model, x, x[:, 0, :1]), "CW503")
    assert "the softmax of score runs along the axis before the last" in treatment.change
    assert "activation=keras.layers.Softmax(axis=-2)" in treatment.code
    layer = layers.Dense(1, activation=keras.layers.Softmax(axis=-2))
    again = layers.Dense.from_config(layer.get_config())
    np.testing.assert_allclose(ops.convert_to_numpy(ops.sum(again(x), axis=1)), 1, rtol=1e-5)


def test_a_table_of_zeros_that_is_not_trained():
    """As one of pretrained vectors of which no word was found: it says so, and tries others."""
    words = DRAWS.integers(0, 12, (64, 5)).astype("int32")
    table = layers.Embedding(
        12, 8, embeddings_initializer="zeros", trainable=False, name="pretrained"
    )
    model = model_of(table, layers.Flatten(), layers.Dense(1), inputs=(5,))
    report = ci.diagnose(model, words, (words[:, :1] > 5).astype("float32"))
    treatment = healed(report, "CW405")
    first = report.findings[0]
    assert first.weight.endswith("pretrained/embeddings")
    assert "is zero everywhere and is not trained" in first.message
    assert "model.get_layer('pretrained').trainable = True" in treatment.code
    assert not table.trainable
    assert not np.any(ops.convert_to_numpy(table.embeddings))


def test_a_frozen_matrix_of_zeros_beside_others_is_meant():
    """What it leaves is not the same for all examples."""

    class Beside(layers.Layer):
        def build(self, shape):
            self.off = self.add_weight(shape=(8, 8), initializer="zeros", trainable=False)

        def call(self, x):
            return x + ops.matmul(x, self.off)

    report = ci.diagnose(model_of(Beside(), layers.Dense(1)), X, Y)
    assert not [one for one in report.findings if one.code == "CW405"]


class Pooled(layers.Layer):
    """Weighs steps by a softmax over the single score of each."""

    def build(self, shape):
        self.score = layers.Dense(1, activation="softmax", name="score")
        self.score.build(shape)

    def call(self, x):
        return ops.sum(self.score(x) * x, axis=1)


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
def test_a_softmax_over_one_unit_in_a_layer_of_the_users_own():
    """A layer that is in no graph has no output to ask for its shape."""
    model = model_of(Pooled(), layers.Dense(1), inputs=(12, 4))
    x = DRAWS.normal(size=(64, 12, 4)).astype("float32")
    treatment = healed(ci.diagnose(model, x, x[:, 0, :1]), "CW503")
    assert "the softmax of score runs along the axis before the last" in treatment.change


def test_a_convex_model_is_freed_from_what_its_inputs_come_to():
    """The kernels behind keep their set, with which it is convex."""
    keras.utils.set_random_seed(0)
    inside = ci.constrained(kernel=ci.NonNegative())
    inputs = keras.Input((2,))
    hidden = layers.Dense(16, "softplus", name="from_inputs", **inside)(inputs)
    behind = layers.Dense(16, use_bias=False, name="between", **inside)(hidden)
    skip = layers.Dense(16, name="beside", **inside)(inputs)
    hidden = layers.Activation("softplus")(layers.Add()([behind, skip]))
    model = keras.Model(inputs, layers.Dense(1, name="last", **inside)(hidden))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = DRAWS.uniform(-2, 2, size=(128, 2)).astype("float32")
    treatment = healed(ci.diagnose(model, x, np.abs(x[:, :1]) + x[:, 1:] ** 2), "CW610")
    assert "no constraint on from_inputs/kernel, beside/kernel, which" in treatment.change
    assert treatment.after["loss_after"] < treatment.before["loss_after"]


@registered
class Quotient(layers.Layer):
    """Divides by a weight that its set lets be zero."""

    def build(self, shape):
        self.scale = self.add_weight(
            shape=shape[-1:], constraint="non_neg", initializer="random_normal", name="scale"
        )

    def call(self, x):
        return x / self.scale


def test_what_is_healed_has_numbers():
    """Where the finding has none that is measured anew, the loss after the steps stands for it."""
    model = model_of(layers.GRU(4), Quotient(), layers.Dense(1), inputs=(12, 1))
    report = ci.diagnose(model, SERIES, Y)
    cured = [f.treatment for f in report.findings if f.treatment is not None]
    assert any(one.healed for one in cured)
    assert all({*one.before} & {*one.after} for one in cured)
    assert "looked at again" not in str(report)
    bound = next(f for f in report.findings if f.code == "CW302")
    assert np.isfinite(bound.treatment.after["last_loss"])
    assert not np.isfinite(bound.treatment.before["last_loss"])
