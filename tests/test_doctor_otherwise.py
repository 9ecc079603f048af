"""One thing with which a model learns that learns little as it is (CW512)."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
PLACES = RNG.uniform(-1, 1, size=(64, 2)).astype("float32")
HEIGHTS = PLACES[:, :1] * PLACES[:, 1:]


class Waves(layers.Dense):
    """Sines of a frequency that is a number of the layer."""

    def __init__(self, units, omega=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.omega = omega

    def call(self, x):
        return ops.sin(self.omega * super().call(x))


def waves(omega, start="he_uniform"):
    keras.utils.set_random_seed(0)
    inner = [Waves(24, omega, kernel_initializer=start, name=f"waves_{n}") for n in range(2)]
    model = keras.Sequential([keras.Input((2,)), *inner, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.001), "mse")
    return model


def found(report):
    return [finding for finding in report.findings if finding.code == "CW512"]


def test_a_number_or_a_start_that_fits_is_named_and_tried():
    """What is pasted is what was tried."""
    report = ci.diagnose(waves(30.0), PLACES, HEIGHTS)
    (one,) = found(report)
    assert report.findings[0] is one
    assert (one.level, one.layer) == ("warning", "waves_0")
    assert one.evidence["kind"] in ("start", "number")
    assert one.evidence["loss_otherwise"] < 0.35 * one.evidence["loss_as_given"]
    assert one.treatment is not None
    assert one.treatment.healed, str(report)
    mended = waves(30.0)
    exec(one.treatment.code, {"model": mended})
    assert not found(ci.diagnose(mended, PLACES, HEIGHTS))


@pytest.mark.parametrize("made", [lambda: waves(1.0), lambda: waves(30.0, "zeros")])
def test_what_learns_or_has_another_finding_is_not_asked(made):
    """The last one starts at zero, which other rules name."""
    assert not found(ci.diagnose(made(), PLACES, HEIGHTS))


def test_targets_that_are_noise_are_learnt_by_nothing():
    noise = RNG.normal(size=HEIGHTS.shape).astype("float32")
    assert not found(ci.diagnose(waves(30.0), PLACES, noise))


@keras.saving.register_keras_serializable("otherwise")
class Mirrored(keras.constraints.Constraint):
    """Entries that are alike with those in the other order, of all axes where none is given."""

    def __init__(self, axis=None):
        self.axis = axis

    def __call__(self, w):
        return 0.5 * (w + ops.flip(ops.flip(w, 0), 1) if self.axis is None else w + w)

    def get_config(self):
        return {"axis": self.axis}


@pytest.mark.parametrize("axis", [None, 0])
def test_a_constraint_that_forbids_what_the_targets_need(axis):
    """It is named and where to look is said; to take it away is no cure."""
    keras.utils.set_random_seed(0)
    x = RNG.normal(size=(128, 4)).astype("float32")
    kept = Mirrored(axis)
    start = kept(ops.convert_to_tensor(RNG.normal(size=(4, 3)).astype("float32")))
    inner = layers.Dense(
        3, kernel_constraint=kept, use_bias=False, name="inner",
        kernel_initializer=lambda shape, dtype=None: ops.cast(start, dtype or "float32"),
    )  # fmt: skip
    model = keras.Sequential([keras.Input((4,)), inner])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    report = ci.diagnose(model, x, x @ np.diag([1.0, -2.0, 3.0, 1.0])[:, :3].astype("float32"))
    codes = [finding.code for finding in report.findings if finding.counts]
    if axis == 0:
        assert "CW512" not in codes
        return
    (one,) = found(report)
    assert (one.layer, one.evidence["kind"]) == ("inner", "constraint")
    assert "Without the constraint Mirrored of" in one.message
    assert one.treatment is None or not one.treatment.healed
