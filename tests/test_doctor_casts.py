"""Casts to whole numbers that cut a gradient off, and passing it through them."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments._edit_casts import with_whole_numbers_let_through

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

EDITS = {
    "and back": (
        "    q = ops.cast(ops.cast(q, 'int8'), x.dtype)\n",
        "    q = (q + keras.ops.stop_gradient(ops.cast(ops.cast(q, 'int8'), x.dtype) - q))\n",
    ),
    "of what is rounded": (
        "    return ops.cast(ops.cast(ops.round(4 * x), 'int32'), 'float32')\n",
        "((4 * x) + keras.ops.stop_gradient("
        "ops.cast(ops.cast(ops.round(4 * x), 'int32'), 'float32') - (4 * x)))",
    ),
    "rounded before": (
        "    q = ops.round(x)\n    q = ops.cast(q, 'uint8')\n    return ops.cast(q, x.dtype)\n",
        "    q = (x + keras.ops.stop_gradient(ops.round(x) - x))\n    q = (q + keras.ops."
        "stop_gradient(keras.ops.cast(ops.cast(q, 'uint8'), (q).dtype) - q))\n",
    ),
    "of a method": (
        "    return x.astype('int16').astype('float32')\n",
        "(x + keras.ops.stop_gradient(x.astype('int16').astype('float32') - x))",
    ),
}


@pytest.mark.parametrize("case", EDITS)
def test_whole_numbers_pass_the_gradient_through(case):
    """Their value stays; what is rounded before has no slope either."""
    body, expected = EDITS[case]
    sentence, new = with_whole_numbers_let_through(f"def call(self, x):\n{body}")
    assert expected in new
    assert "whole numbers" in sentence


@pytest.mark.parametrize(
    "line",
    [
        "return ops.cast(x > 0, 'int32')",
        "return ops.cast(x, 'float16')",
        "return x + ops.stop_gradient(ops.cast(ops.cast(x, 'int8'), x.dtype) - x)",
    ],
)
def test_other_casts_are_left_alone(line):
    """A comparison is no number to step over, and what is passed around already is sound."""
    assert with_whole_numbers_let_through(f"def call(self, x):\n    {line}\n") is None


class Stored(layers.Layer):
    """Activations as they are stored in eight bits."""

    def call(self, x):
        q = ops.clip(20 * x, -127.0, 127.0)
        return ops.cast(ops.cast(q, "int8"), x.dtype) / 20


class StoredStraight(layers.Layer):
    """The same, trained as if it were not there."""

    def call(self, x):
        q = ops.clip(20 * x, -127.0, 127.0)
        return x + ops.stop_gradient(ops.cast(ops.cast(q, "int8"), x.dtype) / 20 - x)


def report_of(own):
    keras.utils.set_random_seed(0)
    inner = [layers.Dense(8, activation="relu", name="inner"), own(name="stored")]
    model = keras.Sequential([keras.Input((8,)), *inner, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
    return ci.diagnose(model, x, np.abs(x[:, :1]) + x[:, 1:2])


def test_a_cast_is_healed():
    """Not the clip in front of it, which has a gradient between its bounds."""
    [finding] = [f for f in report_of(Stored).findings if f.code == "CW503"]
    assert finding.treatment.healed
    assert "stop_gradient(ops.cast(ops.cast(q, 'int8'), x.dtype) - q)" in finding.treatment.diff


def test_a_cast_with_a_way_around_is_no_finding():
    """The gradient gets through."""
    assert "CW503" not in {f.code for f in report_of(StoredStraight).findings}
