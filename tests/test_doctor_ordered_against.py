"""Orders along an axis that the data contradict."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._ordered_against import orders_of
from constrainit.model import walk

# What the rule says follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.tile(np.arange(5), 12)[:, None].astype("float32")


@keras.saving.register_keras_serializable("test_doctor_ordered_against")
class Sorted(keras.constraints.Constraint):
    """In order."""

    def __call__(self, w):
        """Sorted."""
        return ops.sort(w, axis=0)


@keras.saving.register_keras_serializable("test_doctor_ordered_against")
class Directed(keras.constraints.Constraint):
    """The running maximum from one end."""

    def __init__(self, direction=1):
        self.direction = direction

    def __call__(self, w):
        return self.direction * ops.sort(self.direction * w, axis=0)

    def get_config(self):
        return {"direction": self.direction}


@keras.saving.register_keras_serializable("test_doctor_ordered_against")
class Table(layers.Layer):
    """A height for each number."""

    def __init__(self, constraint=None, start="zeros", **kwargs):
        super().__init__(**kwargs)
        self.constraint, self.start = keras.constraints.get(constraint), start

    def build(self, shape):
        self.heights = self.add_weight(
            shape=(5,), initializer=self.start, constraint=self.constraint, name="heights"
        )

    def call(self, x):
        return ops.take(self.heights, ops.cast(x, "int32"), axis=0)

    def get_config(self):
        held = keras.constraints.serialize(self.constraint)
        return {**super().get_config(), "constraint": held, "start": self.start}


def report_of(constraint, slope, noise=0.0, start="zeros"):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((1,)), Table(constraint, start)])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    draws = np.random.default_rng(3)
    return ci.diagnose(model, X, (slope * X + noise * draws.normal(size=X.shape)).astype("float32"))


def found_in(*args, **kwargs):
    return [one for one in report_of(*args, **kwargs).findings if one.code == "CW226"]


@pytest.mark.parametrize(
    ("constraint", "slope", "said"),
    [
        (Sorted(), -2.0, "the constraint takes w from the other end of axis 0"),
        (Directed(-1), 2.0, "Directed(direction=1) for "),
        (
            ci.Monotone("decreasing"),
            2.0,
            "ci.Monotone(direction='increasing', gap=0.0, axis=0) for ",
        ),
    ],
    ids=["own", "an argument", "a set"],
)
def test_an_order_that_the_data_contradict_is_named_and_turned(constraint, slope, said):
    """By an argument of the constraint, or an edit of its class."""
    (found,) = found_in(constraint, slope)
    assert found.weight.endswith("/heights")
    assert found.evidence["axis"] == 0
    assert found.evidence["loss_the_other_way_round"] < found.evidence["loss_as_it_is"] / 3
    assert found.treatment is not None
    assert found.treatment.healed
    assert found.treatment.change.startswith(said)


def test_a_start_in_order_is_turned_with_its_weight():
    """As members of the one order are none of the other."""
    start = keras.initializers.RandomUniform(-0.5, 0.5, seed=3)
    (found,) = found_in(Sorted(), -2.0, start=start)
    assert found.treatment is not None
    assert found.treatment.healed
    assert "+    w = keras.ops.flip(w, axis=0)" in found.treatment.diff.replace("        ", "    ")


@pytest.mark.parametrize(
    ("constraint", "slope", "noise"),
    [
        (Sorted(), 2.0, 0.0),
        (Sorted(), 0.1, 3.0),
        (Sorted(), -0.1, 3.0),
        (keras.constraints.NonNeg(), -2.0, 0.0),
    ],
    ids=["right", "noise", "hardly", "a sign"],
)
def test_nothing_is_said_of_an_order_that_fits(constraint, slope, noise):
    """Nor of noise, nor of a rule that is no order."""
    assert not found_in(constraint, slope, noise)


def test_orders_are_known_by_what_a_constraint_gives():
    """Along each axis of a lattice; none of what is no order."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4)])
    record = next(one for one in walk(model) if one.path.endswith("kernel"))

    def orders(image):
        return orders_of(image, record)

    assert orders(lambda w: np.sort(np.sort(w, axis=0), axis=1)) == [(0, True), (1, True)]
    assert orders(lambda w: -np.sort(w, axis=1)) == [(1, False)]
    assert orders(np.abs) == orders(np.zeros_like) == orders(lambda _: None) == []
