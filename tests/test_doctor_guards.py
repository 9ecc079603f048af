"""Bounds on what enters an operation that has no slope or no value there: small models."""

import ast
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._statistics import numbers, range_and_numbers, summarize
from constrainit.doctor.rules._beyond_dtype import constant_beyond
from constrainit.doctor.treatments._bounds import bounded
from constrainit.doctor.treatments._differences import exact_differences

pytestmark = pytest.mark.in_turns(every=16)
DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(16, 4)).astype("float32")
Y = X[:, :1].copy()


class Scales(layers.Layer):
    """Scales its inputs by numbers that are learnt, four of them."""

    def __init__(self, start, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        self.w = self.add_weight(
            shape=(4,), name="w", initializer=keras.initializers.Constant(self.start)
        )

    def compute_output_shape(self, shape):
        return shape


class Angles(Scales):
    def call(self, x):
        return x * ops.arccos(ops.clip(self.w, -1.0, 1.0))


class Arcs(Scales):
    def call(self, x):
        return x * ops.arcsin(self.w)


class Rapidities(Scales):
    def call(self, x):
        return x * ops.arctanh(self.w)


class Hyperbolic(Scales):
    def call(self, x):
        return x * ops.arccosh(self.w)


class Grown(Scales):
    def call(self, x):
        return x * ops.log1p(self.w)


class Bits(Scales):
    def call(self, x):
        return 0.1 * x * ops.log2(self.w)


class Roots(Scales):
    def call(self, x):
        return x * self.w**0.5


class Distances(Scales):
    def call(self, x):
        return ops.norm(x - self.w, axis=-1, keepdims=True) + x


INSIDE = "self.w, -1 + 1e-6, 1 - 1e-6"
ANGLES = [1.0, 0.5, 0.2, -0.3]
COUNTS = [0.0, 1.0, 2.0, 3.0]
# The layer, where it starts, and how its line is to read.
MENDED = {
    "arccos of a clip": (Angles, ANGLES, f"ops.arccos(ops.clip({INSIDE}))"),
    "arcsin": (Arcs, ANGLES, f"ops.arcsin(ops.clip({INSIDE}))"),
    "arctanh": (Rapidities, ANGLES, f"ops.arctanh(ops.clip({INSIDE}))"),
    "arccosh": (Hyperbolic, [1.0, 2.0, 1.5, 3.0], "ops.arccosh(ops.maximum(self.w, 1 + 1e-6))"),
    "log1p": (Grown, [-1.0, -0.5, 1.0, 2.0], "ops.log1p(ops.maximum(self.w, -1 + 1e-6))"),
    "log2": (Bits, COUNTS, "ops.log2(ops.maximum(self.w, 1e-6))"),
    "an operator": (Roots, COUNTS, "keras.ops.maximum(self.w, 1e-6)**0.5"),
    "norm": (
        Distances, X[0].tolist(),
        "ops.sqrt(ops.sum(ops.square(x - self.w), axis=-1, keepdims=True) + 1e-12) + x",
    ),
}  # fmt: skip


def report_of(layer, start):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layer(start), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.001), "mse")
    return ci.diagnose(model, X, Y, steps=3)


@pytest.mark.parametrize("name", MENDED)
def test_an_operand_at_the_edge_is_bounded(name):
    """The finding is gone with the bound, which is shown as a change of the line."""
    if name == "norm" and keras.backend.backend() == "torch":
        pytest.skip("PyTorch gives a norm the slope 0 at zero")
    layer, start, line = MENDED[name]
    first = report_of(layer, start).findings[0]
    assert first.code in ("CW401", "CW501")
    assert first.treatment.healed, first.treatment.change
    assert line in first.treatment.diff


@pytest.mark.parametrize(
    ("layer", "start"),
    [(Arcs, [1.4, 0.5, 0.2, -0.3]), (Hyperbolic, [0.2, 2.0, 1.5, 3.0]), (Grown, [-3, 1, 1, 2])],
    ids=["arcsin", "arccosh", "log1p"],
)
def test_numbers_that_are_truly_outside_are_not_hidden(layer, start):
    """No bound is claimed that would only give the operation what it takes."""
    first = report_of(layer, start).findings[0]
    assert first.code == "CW401"
    assert first.treatment is None or not first.treatment.diff


@pytest.mark.parametrize(
    ("layer", "start"), [(Angles, [0.9, 0.5, 0.2, -0.3]), (Distances, [0.0, 0.0, 0.0, 0.0])]
)
def test_what_is_off_the_edge_is_sound(layer, start):
    """Neither an angle nor a distance is accused by itself."""
    assert not [f for f in report_of(layer, start).findings if f.counts]


# A line, what failed in it, the dtype, and the new line.
LINES = {
    "half precision": (
        "ops.arccos(x)", "arccos", "float16", "ops.arccos(ops.clip(x, -1 + 1e-3, 1 - 1e-3))",
    ),
    "bfloat16": (
        "ops.log1p(x)", "log1p", "bfloat16", "ops.log1p(ops.maximum(x, -1 + 1e-2))",
    ),
    "a divisor in half precision": (
        "x / y", "divide", "float16", "x / keras.ops.maximum(y, 1e-3)",
    ),
    "named bounds": (
        "ops.arcsin(ops.clip(x, x_min=-1, x_max=1))", "arcsin", "float32",
        "ops.arcsin(ops.clip(x, x_min=-1 + 1e-6, x_max=1 - 1e-6))",
    ),
    "another clip": (
        "ops.arcsin(ops.clip(x, -2.0, 1.0))", "arcsin", "float32",
        "ops.arcsin(ops.clip(ops.clip(x, -2.0, 1.0), -1 + 1e-6, 1 - 1e-6))",
    ),
    "a backend's own": (
        "torch.acos(torch.clamp(x, -1, 1))", "arccos", "float32",
        "torch.acos(torch.clamp(x, -1 + 1e-6, 1 - 1e-6))",
    ),
    "a norm that is squared": (
        "ops.norm(x, axis=0) ** 2", "sqrt", "float32",
        "ops.sqrt(ops.sum(ops.square(x), axis=0) + 1e-12) ** 2",
    ),
    "a norm of another order": ("ops.norm(x, ord=1)", "sqrt", "float32", None),
    "a whole power": ("x ** 2", "power", "float32", None),
    "one in another": (
        "ops.log(ops.log(x))", "log", "float32",
        "ops.log(ops.maximum(ops.log(ops.maximum(x, 1e-6)), 1e-6))",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_the_line_that_is_written(name):
    """Bounds fit the dtype, and those of a clip that is there already are changed."""
    line, failed, dtype, expected = LINES[name]
    source = SimpleNamespace(text=f"return {line}")
    edit = bounded(SimpleNamespace(name=failed, operands=(), source=source, limit=""), dtype)
    made = edit(f"def call(self, x):\n    return {line}\n")
    if expected is None:
        assert made is None
    else:
        ast.parse(made[1])
        assert made[1] == f"def call(self, x):\n    return {expected}\n"


def test_a_gradient_of_a_table_that_is_not_finite_is_seen():
    """TensorFlow gives it as rows: the table is named at the step that makes its gradient NaN."""
    keras.utils.set_random_seed(0)
    pairs = keras.Input((2,), dtype="int32")
    found = layers.UnitNormalization()(layers.Embedding(9, 3, name="places")(pairs))
    angle = Between()([found[:, 0], found[:, 1]])
    model = keras.Model(pairs, angle)
    model.compile(keras.optimizers.SGD(0.01), "mse")
    given = DRAWS.integers(0, 9, size=(32, 2)).astype("int32")
    given[:4, 1] = given[:4, 0]
    report = ci.diagnose(model, given, np.ones((32, 1), "float32"), steps=3)
    first = report.findings[0]
    assert (first.code, first.weight) == ("CW501", "places/embeddings")
    assert "derivative of arccos at 1" in first.message
    assert "a little inside of its bounds" in first.fix
    assert first.treatment.healed, first.treatment.change


class Between(layers.Layer):
    """The angle between two vectors."""

    def call(self, inputs):
        one, other = inputs
        cosine = ops.clip(ops.sum(one * other, axis=-1, keepdims=True), -1.0, 1.0)
        return ops.arccos(cosine)


class Excess(Scales):
    """The logarithm of a difference that float32 rounds to zero."""

    def call(self, x):
        rates = 1e-9 * (1.0 + ops.abs(x))
        return self.w * ops.log(ops.exp(rates) - 1.0)


def test_a_difference_that_is_rounded_away_is_written_as_one_function():
    """A floor would only hide it."""
    model = keras.Sequential([keras.Input((4,)), Excess(0.1, name="own"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.001), "mse")
    report = ci.diagnose(model, X, Y)
    first = report.findings[0]
    assert first.treatment.healed, str(report)
    assert "expm1(x) in place of exp(x) - 1" in first.treatment.change
    assert "+        return self.w * ops.log(ops.expm1(rates))" in first.treatment.diff


DIFFERENCES = {
    "ops.log(ops.exp(a - b) - 1.0)": "ops.log(ops.expm1(a - b))",
    "ops.log(1 + ops.exp(x))": "ops.log1p(ops.exp(x))",
    "torch.log(x + 1)": "torch.log1p(x)",
    "ops.exp(x) - 2": None,
    "ops.log(x + 2) - ops.exp(y)": None,
}


@pytest.mark.parametrize("line", DIFFERENCES)
def test_differences_near_zero(line):
    """Those of one alone."""
    made = exact_differences(f"def call(self, x):\n    return {line}\n")
    expected = DIFFERENCES[line]
    if expected is None:
        assert made is None
    else:
        assert made[1] == f"def call(self, x):\n    return {expected}\n"


@pytest.mark.filterwarnings("ignore")
def test_an_average_of_which_a_mask_leaves_nothing():
    """The empty row is told of, a floor heals it, and what is NaN is not said to be saturated."""
    words = np.random.default_rng(0).integers(1, 20, size=(32, 6))
    words[3] = 0
    keras.utils.set_random_seed(0)
    parts = [
        layers.Embedding(20, 4, mask_zero=True),
        layers.GlobalAveragePooling1D(name="mean"),
        layers.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential([keras.Input((6,), dtype="int32"), *parts])
    model.compile("adam", "binary_crossentropy")
    report = ci.diagnose(model, words.astype("int32"), (words[:, :1] % 2).astype("float32"))
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW401", "mean")
    assert "the sum of a mask that is empty for a whole row" in first.fix
    assert first.treatment.healed, first.treatment.change
    assert "divides by one at least" in first.treatment.change
    assert "class MaskedMean(keras.layers.GlobalAveragePooling1D)" in first.treatment.code
    assert "CW402" not in [f.code for f in report.findings], str(report)


def test_what_is_not_finite_is_not_saturated():
    """Three of four entries are at no end, as they are no numbers."""
    found = array(summarize(np.array([[np.nan, np.nan], [np.inf, 0.5]], "float32"), "sigmoid"))
    assert found[5] == 0
    assert found[4] == 0.75


def test_the_range_of_what_is_infinite():
    """Infinities are told of, NaN is left out; the range of finite numbers alone has neither."""
    value = np.array([-np.inf, np.nan, 0.0, 2.0])
    assert range_and_numbers(value).minimum == -np.inf
    assert range_and_numbers(value).maximum == 2
    assert numbers(value).minimum == 0
    assert np.isnan(range_and_numbers(np.array([np.nan])).minimum)


@pytest.mark.parametrize(
    ("line", "dtype", "said"),
    [
        ("score + (1.0 - keep[:, None]) * -1e9", "float16", "-1e9 is beyond float16"),
        ("score - 100_000 * (1.0 - keep)", "float16", "-100_000 is beyond float16"),
        ("score + (1.0 - keep) * self.large", "float16", "a constant is beyond float16"),
        ("score + (1.0 - keep) * -1e9", "float32", ""),
    ],
)
def test_a_number_that_half_precision_does_not_hold(line, dtype, said):
    """It is named as it is written, where the line has it."""
    sizes = [range_and_numbers(np.array(one)) for one in ([0.0, 1.0], [-np.inf, -np.inf])]
    operands = [SimpleNamespace(numbers=one, data=False, weights=()) for one in sizes]
    source = SimpleNamespace(text=line)
    told = constant_beyond(SimpleNamespace(dtype=dtype, operands=operands, source=source))
    assert told.startswith(said)
    assert bool(told) == bool(said)


class Norms(Scales):
    def call(self, x):
        return x / ops.sqrt(ops.matmul(ops.square(x), self.w[:, None]) + 1e-3)


def test_a_free_weight_is_held_in_the_domain_that_a_step_takes_it_out_of():
    """Before the rate is made a millionth; not where a weight starts with what is outside."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), Norms(0.1, name="norms"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.2), "mse")
    first = ci.diagnose(model, X, 20 * Y).findings[0]
    assert first.code in ("CW401", "CW501")
    assert "ci.Positive(" in first.fix
    assert first.treatment.healed
    assert "norms/w" in first.treatment.change
    assert model.layers[0].w.constraint is None
    model.layers[0].w.assign([0.1, -0.1, 0.1, 0.1])
    assert "nothing keeps" not in ci.diagnose(model, X, 20 * Y).findings[0].fix


def test_an_angle_between_layers_is_kept_inside():
    """Where no line of the user's own calls it as the model runs; the model stays as it was."""
    keras.utils.set_random_seed(0)
    pair = keras.Input((2, 4))
    code = layers.Dense(8)
    cosine = layers.Dot(axes=1, normalize=True)([code(pair[:, 0]), code(pair[:, 1])])
    model = keras.Model(pair, ops.arccos(cosine))
    model.compile("sgd", "mse")
    x = np.stack([X, np.where(np.arange(16)[:, None] < 12, X, -X[::-1])], axis=1)
    before = [dict(vars(one)) for one in model._operations if not isinstance(one, keras.Layer)]
    first = ci.diagnose(model, x, Y).findings[0]
    assert first.code in ("CW401", "CW501")
    assert first.treatment.healed
    assert "ops.clip(x, -1 + 1e-6, 1 - 1e-6)" in first.treatment.code
    after = [dict(vars(one)) for one in model._operations if not isinstance(one, keras.Layer)]
    assert [one.keys() for one in before] == [one.keys() for one in after]


class Kept(layers.Layer):
    """Attention to what is not padding."""

    def build(self, shape):
        self.by = self.add_weight(shape=(1,), initializer="ones", name="by")

    def call(self, x):
        scores = ops.where(ops.not_equal(x, 0), x * self.by, float("-inf"))
        shares = ops.softmax(scores, axis=-1)
        return ops.sum(shares * x, axis=-1, keepdims=True)


@pytest.mark.parametrize("empty", [False, True])
def test_a_row_that_is_masked_in_full(empty):
    """The softmax gets a floor, whatever the backend makes it of."""
    x = np.abs(X) + 0.1
    x[:, 2] = 0.0
    x[3] = 0.0 if empty else x[3]
    model = keras.Sequential([keras.Input((4,)), Kept(name="kept"), layers.Dense(1)])
    model.compile("adam", "mse")
    report = ci.diagnose(model, x, Y)
    assert report.ok != empty, str(report)
    if empty:
        first = report.findings[0]
        assert (first.code, first.layer) == ("CW401", "kept")
        assert first.treatment.healed, str(report)
        assert "ops.softmax(ops.maximum(scores, -1e4), axis=-1)" in first.treatment.diff
