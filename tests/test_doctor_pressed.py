"""Weights at a bound of their set, beyond which is what the data need."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._pressed import bounds_kept
from constrainit.model import walk

# What the rule says follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 3)).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_pressed")
class Within(keras.constraints.Constraint):
    """A constraint of the user's own, with its bounds as arguments."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def __call__(self, w):
        return ops.clip(w, self.low, self.high)

    def get_config(self):
        return {"low": self.low, "high": self.high}


def at_most_a_half(w):
    """A function of the user's own, with its bounds in its code."""
    return ops.clip(w, -0.5, 0.5)


@keras.saving.register_keras_serializable("test_doctor_pressed")
class Affine(layers.Layer):
    """A scale and an offset for each column, the offset with a constraint."""

    def __init__(self, constraint, start=0.1, **kwargs):
        super().__init__(**kwargs)
        self.constraint, self.start = keras.constraints.get(constraint), start

    def build(self, shape):
        self.scale = self.add_weight(shape=shape[-1:], initializer="ones", name="scale")
        self.offset = self.add_weight(
            shape=shape[-1:],
            initializer=keras.initializers.Constant(self.start),
            constraint=self.constraint,
            name="offset",
        )

    def call(self, x):
        return self.scale * x + self.offset

    def get_config(self):
        held = keras.constraints.serialize(self.constraint)
        return {**super().get_config(), "constraint": held, "start": self.start}


def found_in(constraint, targets, start=0.1, rate=0.1):
    model = keras.Sequential([keras.Input((3,)), Affine(constraint, start)])
    model.compile(keras.optimizers.Adam(rate), "mse")
    report = ci.diagnose(model, X, targets.astype("float32"))
    return [finding for finding in report.findings if finding.code == "CW224"]


@pytest.mark.parametrize(
    ("constraint", "offset", "wide", "said"),
    [
        (Within(0.01, 0.5), 3.0, 5.0, "Within(low=0.01, high=5.0)"),
        (ci.Box(2.0, 8.0), 1.0, 0.2, "ci.Box(lower=0.2, upper=8.0)"),
        (at_most_a_half, [0.2, -3.0, 0.0], -5.0, "ci.Box(lower=-5.0, upper=0.5)"),
        (Within(0.01, 0.3), 20.0, 30.0, "Within(low=0.01, high=30.0)"),
    ],
    ids=["own", "from below", "a function", "far"],
)
def test_a_bound_that_excludes_what_the_data_need_is_named(constraint, offset, wide, said):
    """Above or below, and the constraint with a wider one, which was tried."""
    start, rate = (3.0, 0.1) if wide == 0.2 else (0.1, 0.5)
    (found,) = found_in(constraint, X + offset, start, rate)
    assert found.weight.endswith("/offset")
    assert found.evidence["wider"] == pytest.approx(wide)
    assert found.treatment is not None
    assert found.treatment.healed
    assert found.treatment.change == f"{said} for {found.weight}"
    assert found.evidence["loss_with_a_wider_bound"] < found.evidence["loss_at_bound"] / 3


@pytest.mark.parametrize(
    ("constraint", "targets"),
    [
        (Within(0.01, 0.5), X + 0.5),
        (Within(0.01, 0.5), X + 0.52 + DRAWS.normal(size=X.shape)),
        (keras.constraints.NonNeg(), X - 1.0),
        (Within(0.01, 5.0), X + 3.0),
    ],
    ids=["there", "noise", "a sign", "wide"],
)
def test_nothing_is_said_of_a_weight_that_is_well_at_its_bound(constraint, targets):
    """Where the data want it there, or hardly beyond, and where the bound is that of a sign."""
    assert not found_in(constraint, targets)


@pytest.mark.parametrize(("offset", "told"), [(2.5, True), (1.2, False)], ids=["far", "near"])
def test_a_bound_that_is_reached_later_counts_by_how_far_the_weight_goes_beyond(offset, told):
    """It is there after more steps than are looked at, and the data are noisy besides."""
    draws = np.random.default_rng(5)
    x = draws.normal(size=(256, 1)).astype("float32")
    model = keras.Sequential([keras.Input((1,)), Affine(Within(0.01, 0.9))])
    model.compile(keras.optimizers.Adam(0.03), "mse")
    y = (3 * x + offset + draws.normal(0.0, 2.5, x.shape)).astype("float32")
    report = ci.diagnose(model, x, y)
    found = [finding for finding in report.findings if finding.code == "CW224"]
    assert [finding.weight.endswith("/offset") for finding in found] == [True] * told, str(report)


@pytest.mark.parametrize(
    ("constraint", "ends"),
    [
        (ci.Box(-0.1, 0.3), (-0.1, 0.3)),
        (at_most_a_half, (-0.5, 0.5)),
        (keras.constraints.NonNeg(), None),
        (ci.Simplex(), None),
        (keras.constraints.UnitNorm(), None),
    ],
    ids=["box", "function", "one end at zero", "shares", "norm"],
)
def test_bounds_are_those_of_a_constraint_that_clips_each_entry(constraint, ends):
    """A set of the entries together has none."""
    layer = Affine(constraint)
    layer.build((None, 3))
    [record] = [one for one in walk(layer) if one.constraint is not None]

    def image(value):
        return ops.convert_to_numpy(record.constraint(ops.convert_to_tensor(value, "float32")))

    assert bounds_kept(image, record) == (ends if ends is None else pytest.approx(ends))
