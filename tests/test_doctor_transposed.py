"""Square weights that start inside of what their constraint keeps for the transpose."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rule says follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")
SIGNS = np.where(np.arange(8) < 6, 1.0, -1.0).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_transposed")
class OneSign(keras.constraints.Constraint):
    """A sign for each sender, laid out along the receivers."""

    def __call__(self, w):
        sign = ops.convert_to_tensor(SIGNS)
        return sign * ops.relu(w * sign)


@keras.saving.register_keras_serializable("test_doctor_transposed")
class BySender(keras.initializers.Initializer):
    """Rows of one sign."""

    def __call__(self, shape, dtype=None):
        draw = np.abs(np.random.default_rng(3).normal(size=shape)) * 0.3
        return ops.convert_to_tensor(draw * SIGNS[:, None], dtype=dtype or "float32")


def report_of(start):
    keras.utils.set_random_seed(0)
    kernel = {"kernel_initializer": start, "kernel_constraint": OneSign()}
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(8, "relu", **kernel), layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return ci.diagnose(model, X, X[:, :1])


def test_a_sign_for_each_row_that_acts_along_the_columns():
    """The start tells which is meant, and with the transpose taken it is inside."""
    report = report_of(BySender())
    first = report.findings[0]
    assert first.code == "CW301", str(report)
    assert "leaves the transpose of it as it is" in first.message
    assert first.treatment is not None
    assert first.treatment.healed
    assert "w = keras.ops.transpose(w)" in first.treatment.diff
    assert {f.cause.split()[0] for f in report.findings if f.code == "CW101"} <= {"CW301"}


def test_a_start_that_is_outside_either_way_tells_no_axis():
    """As one that was drawn without a thought of signs."""
    codes = {one.code for one in report_of("glorot_uniform").findings}
    assert "CW101" in codes
    assert "CW301" not in codes
