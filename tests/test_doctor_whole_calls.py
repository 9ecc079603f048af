"""Constraints of the user's own that turn all axes of a weight, and are to turn one."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

registered = keras.saving.register_keras_serializable("whole_calls")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 16, 2)).astype("float32")
TAPS = RNG.normal(size=(5, 2, 3))


@registered
class Turned(keras.constraints.Constraint):
    """Filters that are their own mirror image, or so it is meant."""

    def __call__(self, w):
        return 0.5 * (w + ops.flip(w))


@registered
class Mirrored(keras.constraints.Constraint):
    """Filters that are their own mirror image."""

    def __call__(self, w):
        return 0.5 * (w + ops.flip(w, axis=0))


def told(rule, taps):
    keras.utils.set_random_seed(0)
    layer = layers.Conv1D(3, 5, use_bias=False, kernel_constraint=rule, name="filters")
    model = keras.Sequential([keras.Input((16, 2)), layer])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    windows = np.stack([X[:, at : at + 12] for at in range(5)], 2)
    y = np.einsum("ntkc,kcf->ntf", windows, taps).astype("float32")
    report = ci.diagnose(model, X, y)
    return report, [f for f in report.findings if f.code == "CW301"]


def test_a_flip_of_all_axes_ties_filters_to_one_another():
    """With axis=0 the model trains, and that is the treatment."""
    report, found = told(Turned(), 0.5 * (TAPS + TAPS[::-1]))
    [finding] = found
    assert report.findings[0] is finding, str(report)
    assert "calls flip without an axis" in finding.message
    done = finding.treatment
    assert done is not None
    assert done.healed, str(report)
    assert "+        return 0.5 * (w + ops.flip(w, axis=0))" in done.diff


@pytest.mark.parametrize(
    ("rule", "taps"),
    [(Mirrored(), 0.5 * (TAPS + TAPS[::-1])), (Turned(), 0.5 * (TAPS + np.flip(TAPS)))],
)
def test_other_mirrors_are_left_alone(rule, taps):
    """One along an axis, and one of all axes that the data have."""
    report, found = told(rule, taps)
    assert not found, str(report)
