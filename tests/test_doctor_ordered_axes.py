"""Constraints that put numbers in order along an axis, and starts in order along another."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._ordered_axes import order_axis, ordered_along
from constrainit.model import walk

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

registered = keras.saving.register_keras_serializable("test_doctor_ordered_axes")

KNOTS = 6
DRAWS = np.random.default_rng(3)
X = DRAWS.uniform(size=(128, 3)).astype("float32")
Y = (2 * np.sqrt(X[:, :1]) + 1.5 * X[:, 1:2] ** 3 + 0.05 * X[:, 2:] - 1.5).astype("float32")


@registered
def across(w):
    return ops.sort(w, axis=0)


@registered
def by_default(w):
    return ops.sort(w)


@registered
class Sorted(keras.constraints.Constraint):
    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        return ops.sort(w, axis=self.axis)

    def get_config(self):
        return {"axis": self.axis}


@registered
class Curves(layers.Layer):
    """One curve of straight pieces for each input."""

    def __init__(self, constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.constraint = constraint

    def build(self, shape):
        line = np.tile(np.linspace(-0.2, 0.2, KNOTS), (shape[-1], 1))
        start = lambda shape, dtype=None: ops.convert_to_tensor(line, dtype)  # noqa: E731
        self.heights = self.add_weight(
            shape=line.shape, initializer=start, constraint=self.constraint, name="heights"
        )

    def call(self, x):
        places = ops.expand_dims(x * (KNOTS - 1), -1) - ops.arange(KNOTS, dtype="float32")
        return ops.sum(ops.relu(1 - ops.abs(places)) * self.heights, axis=(1, 2))[:, None]


def wrong_axes(constraint):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), Curves(constraint, name="curves")])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    report = ci.diagnose(model, X, Y)
    return [f for f in report.findings if f.code == "CW301"], str(report)


@pytest.mark.parametrize("constraint", [across, Sorted(0)])
def test_numbers_in_order_along_another_axis_than_they_start_in(constraint):
    """Told by the losses along both, and the axis is changed in the source, or as an argument."""
    [found], text = wrong_axes(constraint)
    assert found.weight.endswith("curves/heights")
    assert (found.evidence["axis"], found.evidence["unit_axes"]) == ([0], [1])
    assert found.treatment.healed, text
    shown = found.treatment.diff + found.treatment.code
    assert "+    return ops.sort(w, axis=1)" in shown or "Sorted(axis=1)" in shown


@pytest.mark.parametrize("constraint", [by_default, None])
def test_numbers_in_order_as_they_start(constraint):
    found, text = wrong_axes(constraint)
    assert not found, text


@pytest.mark.parametrize(
    ("written", "used", "becomes"),
    [
        ("ops.sort(w, axis=0)", 0, "ops.sort(w, axis=1)"),
        ("ops.sort(w, 0)", 0, "ops.sort(w, 1)"),
        ("ops.sort(w)", 1, "ops.sort(w, axis=0)"),
        ("ops.cumsum(ops.abs(w), axis=-1)", 1, "ops.cumsum(ops.abs(w), axis=0)"),
        ("ops.sort(w, axis=self.axis)", 0, None),
    ],
)
def test_the_axis_is_changed_where_it_is_written(written, used, becomes):
    done = ordered_along(used, 1 - used, 2)(f"def keep(w):\n    return {written}\n")
    assert (done and done[1].strip().split("return ")[1]) == becomes


@pytest.mark.parametrize(
    ("rule", "axis"),
    [
        (across, 0),
        (by_default, 1),
        (ci.Monotone("decreasing", axis=0), 0),
        (ci.NonNegative(), None),
        (lambda w: ops.ones_like(w), None),
        (lambda w: ops.reshape(ops.sort(ops.reshape(w, (-1,))), w.shape), None),
    ],
)
def test_along_which_axis_numbers_go_in_order(rule, axis):
    keras.utils.set_random_seed(0)
    layer = Curves(rule)
    model = keras.Sequential([keras.Input((3,)), layer])
    [record] = walk(model)
    assert order_axis(record) == axis
