"""Where a gradient is cut off in the user's own code, and the smooth map in place of the cutoff."""

import ast
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments._smooth import smooth

pytestmark = pytest.mark.in_turns(every=16)
DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(32, 4)).astype("float32")
Y = (X[:, :1] - X[:, 1:2]).astype("float32")
registered = keras.saving.register_keras_serializable("test_doctor_severed")


def beyond(z, edge):
    return ops.where(z > edge, z, 0.0)


class Owns(layers.Layer):
    """A weight for each input."""

    def build(self, shape):
        self.edge = self.add_weight(shape=(shape[-1],), initializer="zeros", name="edge")


@registered
class ByFunction(Owns):
    """Two calls away from `call`."""

    def call(self, x):
        return self.cut(x)

    def cut(self, z):
        return beyond(z, self.edge)


@registered
class Inside(Owns):
    def call(self, x):
        near = ops.abs(x) - 1.0 < self.edge
        kept = ops.where(near, x, 0.0)
        return ops.where(near, 1.0 - ops.square(kept), 0.0)


@registered
class Inner(layers.Layer):
    """Of a layer that it holds nothing is left but which side of zero."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.score = layers.Dense(4)

    def build(self, shape):
        self.score.build(shape)

    def call(self, x):
        score = self.score(x)
        return ops.cast(score > 0, "float32")


@registered
class Rounds(Owns):
    def call(self, x):
        if x.shape[-1] > 1:
            x = ops.round(x)
        return x + self.edge


@registered
class Stuck(Owns):
    """A weight beyond a bound, behind which nothing changes."""

    def call(self, x):
        return x * ops.maximum(self.edge - 1.0, 0.01)


@registered
class Soft(Owns):
    """Healthy: it compares, and what it compares gets a gradient by the branches."""

    def call(self, x):
        return ops.where(x > self.edge, x - self.edge, 0.1 * (x - self.edge))


@registered
class ByTable(Owns):
    """What a dictionary holds is not looked up."""

    def call(self, x):
        steps = {"hard": ops.round}
        return steps["hard"](40.0 * (x + self.edge)) / 40.0


def signs(x):
    return ops.sign(x)


def rounded(y, predicted):
    return ops.mean(ops.abs(y - ops.round(predicted)), axis=-1)


@registered
def largest(shares):
    return ops.one_hot(ops.argmax(shares, axis=-1), 4)


@registered
def largest_let_through(shares):
    return shares + ops.stop_gradient(largest(shares) - shares)


def report_of(*parts, loss: Any = "mse"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile(keras.optimizers.Adam(0.01), loss)
    return ci.diagnose(model, X, Y)


def report_of_graph(operation: Any):
    """A functional model with an operation between two layers."""
    keras.utils.set_random_seed(0)
    given = keras.Input((4,))
    inner = layers.Dense(4, name="inner")(given)
    model = keras.Model(given, layers.Dense(1)(operation(inner)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return ci.diagnose(model, X, Y)


CUT = {
    "function": (lambda: report_of(ByFunction(), layers.Dense(1)), "z > edge"),
    "weight": (lambda: report_of(Inside(), layers.Dense(1)), "< self.edge"),
    "layer": (lambda: report_of(Inner(), layers.Dense(1)), "score > 0"),
    "bound": (lambda: report_of(Stuck(), layers.Dense(1)), "ops.maximum("),
    "inputs": (lambda: report_of(layers.Dense(4), Rounds(), layers.Dense(1)), "ops.round(x)"),
    "activation": (lambda: report_of(layers.Dense(4, signs), layers.Dense(1)), "ops.sign(x)"),
    "Lambda": (
        lambda: report_of(layers.Dense(4), layers.Lambda(largest), layers.Dense(1)),
        "ops.argmax(shares",
    ),
    "expression": (
        lambda: report_of(
            layers.Dense(4),
            layers.Lambda(lambda z: ops.tanh(z)),
            layers.Lambda(lambda z: 0.1 * ops.floor(10 * z)),
            layers.Dense(1),
        ),
        "ops.floor(10",
    ),
    "before": (
        lambda: report_of(layers.Dense(4), layers.Dense(4, signs), layers.Dense(1)),
        "ops.sign(x)",
    ),
    "loss": (lambda: report_of(layers.Dense(1), loss=rounded), "ops.round(predicted)"),
}


@pytest.mark.parametrize("case", CUT)
def test_the_line_that_cuts_a_gradient_off_is_named(case):
    """Of a weight, of a layer, of the inputs, in an activation and in the loss."""
    make, text = CUT[case]
    report = make()
    found = [f for f in report.findings if f.code == "CW503" and f.counts]
    assert found, str(report)
    source, treatment = found[0].source, found[0].treatment
    assert source is not None, str(report)
    assert text in source.text, str(report)
    assert f"line {source.line} of test_doctor_severed.py" in found[0].message
    if case in ("weight", "layer", "inputs", "bound", "activation", "Lambda", "before"):
        assert treatment is not None, str(report)
        assert treatment.healed, str(report)


@pytest.mark.parametrize(
    ("case", "operation"),
    [("function", "a comparison"), ("layer", "a comparison"), ("Lambda", "argmax")],
)
def test_the_operation_is_named(case, operation):
    make, _ = CUT[case]
    found = [f for f in make().findings if f.code == "CW503" and f.counts]
    assert f"; {operation} in line " in found[0].message


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (lambda z: ops.one_hot(ops.argmax(z, axis=-1), 4), "argmax"),
        (lambda z: ops.cast(z > 0, "float32"), "greater"),
        (lambda z: ops.floor(4 * z), "floor"),
    ],
)
def test_an_operation_in_a_graph_is_named(operation, name):
    """The graph of a model knows no lines."""
    found = [f for f in report_of_graph(operation).findings if f.code == "CW503" and f.counts]
    assert {f.layer for f in found} == {"inner"}
    assert f"; {name} in the graph of the model cuts it off" in found[0].message


def test_a_gradient_that_is_let_through():
    report = report_of(layers.Dense(4), layers.Lambda(largest_let_through), layers.Dense(1))
    assert report.ok, str(report)
    healthy = report_of_graph(lambda z: ops.where(z > 0, z, 0.1 * z))
    assert healthy.ok, str(healthy)


@registered
def kept(x):
    return ops.stop_gradient(x)


@pytest.mark.parametrize(
    "report",
    [
        lambda: report_of_graph(ops.stop_gradient),
        lambda: report_of(layers.Dense(4), layers.Lambda(kept), layers.Dense(1)),
    ],
    ids=["graph", "Lambda"],
)
def test_a_gradient_that_is_stopped_by_name(report):
    """That may be meant: a note."""
    found = report()
    assert {f.level for f in found.findings if f.code == "CW503"} == {"info"}, str(found)


def test_what_is_not_located_is_said_to_be_so():
    """No line is named where none is known, nor in a layer that only compares."""
    found = [f for f in report_of(ByTable(), layers.Dense(1)).findings if f.code == "CW503"]
    assert found[0].source is None
    assert "where it is cut off is not located" in found[0].message
    healthy = report_of(Soft(), layers.Dense(1))
    assert healthy.ok, str(healthy)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("y = ops.where(a < w, x, 0.0)", "y = ops.sigmoid(10 * (w - a)) * x"),
        ("y = ops.where(a >= 0, 1.0, 0)", "y = ops.sigmoid(10 * a)"),
        ("y = jnp.where(a > w, x, z)", "y = z + keras.ops.sigmoid(10 * (a - w)) * (x - z)"),
        ("y = ops.where(ops.less(a, w), x, 0)", "y = ops.sigmoid(10 * (w - a)) * x"),
        ("y = ops.cast(a > w, x.dtype)", "y = ops.sigmoid(10 * (a - w))"),
        ("y = ops.sign(a + w)", "y = ops.tanh(10 * (a + w))"),
        ("y = ops.clip(w, 0.0, 1.0)", "y = 0 + 1 * ops.sigmoid(4 * (w - 0.5))"),
        ("y = ops.clip(w, -1, 1)", "y = -1 + 2 * ops.sigmoid(2 * w)"),
        ("y = ops.maximum(w, 0.1)", "y = 0.1 + ops.softplus(w - 0.1)"),
        ("y = x * ops.relu(w)", "y = x * ops.softplus(w)"),
        ("y = ops.clip(w, low, 1)", None),
        ("y = ops.cast(a > w, 'int32')", None),
        ("y = ops.where(a == w, x, 0.0)", None),
        ("y = ops.where((a < w) & (a > 0), x, 0.0)", None),
        ("y = a + w", None),
    ],
)
def test_a_sharp_cutoff_becomes_a_smooth_one(line, expected):
    """The two sides of the comparison are what the sigmoid is taken of; else nothing is done."""
    made = smooth(line, 10.0)(line)
    if expected is None:
        assert made is None
        return
    assert ast.unparse(ast.parse(made[1])) == expected


_CLIPPED = """
class Clipped(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), initializer=self.start, name="w")
    def call(self, x):
        return ops.matmul(x, ops.clip(self.w, 2.0, 3.0))
"""


@pytest.mark.parametrize("start", [0.05, 2.5])
def test_a_clip_far_from_where_a_weight_is(start):
    """Where no line tells, far weights do: what is flat near them does not cancel out."""
    names = {"layers": layers, "ops": ops}
    exec(_CLIPPED, names)
    keras.utils.set_random_seed(0)
    names["Clipped"].start = keras.initializers.RandomUniform(0.9 * start, start, seed=0)
    model = keras.Sequential([keras.Input((6,)), names["Clipped"](name="c"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.001), "mse")
    x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
    report = ci.diagnose(model, x, x[:, :1])
    found = [f for f in report.findings if f.code == "CW503"]
    assert [f.level for f in found] == ["warning"] * (start < 1), str(report)
    assert all("cancels out" not in f.message for f in found)


def test_a_bias_that_cancels_out_stays_a_note():
    """A normalization takes away what it adds, be it large."""
    keras.utils.set_random_seed(0)
    bias = keras.initializers.RandomNormal(1.0, seed=0)
    model = keras.Sequential(
        [
            keras.Input((6,)), layers.Dense(8, bias_initializer=bias, name="a"),
            layers.BatchNormalization(), layers.Dense(1),
        ]
    )  # fmt: skip
    model.compile(keras.optimizers.SGD(0.001), "mse")
    x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
    report = ci.diagnose(model, x, x[:, :1])
    assert not [f for f in report.findings if f.code == "CW503" and f.counts], str(report)
