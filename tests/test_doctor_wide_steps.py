"""Steps that are longer than the set of a weight is wide."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._constraints import Constraints
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._wide_steps import _ends
from constrainit.model import walk

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
HOURS = DRAWS.uniform(0, 40, (96, 1)).astype("float32")
LEFT = np.exp(-0.012 * HOURS).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_wide_steps")
class Decay(layers.Layer):
    """What is left after some time, at a rate that is known to lie within bounds."""

    def __init__(self, low, high, **kwargs):
        super().__init__(**kwargs)
        self.low, self.high = low, high

    def build(self, shape):
        start = keras.initializers.Constant(self.low + 0.8 * (self.high - self.low))
        self.rate = self.add_weight(
            shape=(1,), initializer=start, constraint=ci.Box(self.low, self.high), name="rate"
        )

    def call(self, hours):
        return ops.exp(-self.rate * hours)

    def get_config(self):
        return {**super().get_config(), "low": self.low, "high": self.high}


def found_in(decay, rate):
    model = keras.Sequential([keras.Input((1,)), decay])
    model.compile(keras.optimizers.RMSprop(rate), "mse")
    report = ci.diagnose(model, HOURS, LEFT)
    return [finding for finding in report.findings if finding.counts]


def test_a_weight_thrown_from_bound_to_bound_is_named():
    """With the width of its set, and the rate that trains."""
    first = found_in(Decay(1e-3, 2e-2), 0.05)[0]
    assert first.code == "CW601"
    assert first.weight.endswith("/rate")
    assert "from 0.001 to 0.02" in first.message
    assert first.treatment.healed
    assert first.evidence["lower_rate"] == pytest.approx(6e-5)


@pytest.mark.parametrize(("high", "rate"), [(2e-2, 2e-4), (1.0, 1e-3)])
def test_nothing_is_said_of_shorter_steps(high, rate):
    """Of a rate that fits, nor of a set that is wide."""
    assert not [f for f in found_in(Decay(1e-3, high), rate) if f.code == "CW601"]


@pytest.mark.parametrize(
    ("a_set", "ends"),
    [(ci.Box(-0.1, 0.3), (-0.1, 0.3)), (ci.Orthogonal(), None), (ci.NonNegative(), None)],
    ids=["box", "matrices", "no end"],
)
def test_entries_that_are_alike_tell_the_width_of_a_set_of_entries_alone(a_set, ends):
    """A matrix whose entries are far out and alike has an image with which others are not met."""
    layer = layers.Dense(6, **ci.constrained(kernel=a_set))
    layer.build((None, 6))
    [record] = [one for one in walk(layer) if one.constraint is not None]
    found = _ends(Constraints(Evidence(weights=[record])), record)
    assert found == (ends if ends is None else pytest.approx(ends))
