"""What follows from what follows: one root, and all the rest under it."""

import keras
import numpy as np
import pytest
from keras import layers
from keras.constraints import NonNeg

import constrainit as ci
from constrainit.doctor._finding import Finding, cause_of, grouped

# What the rules say follows from numbers, on any backend.
pytestmark = pytest.mark.in_turns(every=16)


def finding(code, cause=""):
    return Finding(code, code, "warning", "training", code.lower(), "", "", "", cause=cause)


def test_a_consequence_of_a_consequence_stands_under_the_root():
    """Also where the one in between was given its cause later, by a treatment."""
    root, middle, end = finding("A"), finding("B", "A a"), finding("C", "B b")
    assert cause_of(end, [end, middle, root]) is root
    assert grouped([end, middle, root]) == [(root, [end, middle])]


def test_a_circle_has_no_root():
    """Each is told by itself then."""
    one, other = finding("A", "B b"), finding("B", "A a")
    assert cause_of(one, [one, other]) is cause_of(other, [one, other]) is None


def excited(start, constraint):
    """A network of rates: a ReLU that is fed back 20 times."""
    keras.utils.set_random_seed(0)
    rates = layers.SimpleRNN(
        160, activation="relu", recurrent_initializer=start, recurrent_constraint=constraint,
        name="rates",
    )  # fmt: skip
    model = keras.Sequential([keras.Input((20, 3)), rates, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.002), "mse")
    x = np.random.default_rng(0).normal(0, 0.5, size=(16, 20, 3)).astype("float32")
    return ci.diagnose(model, x, x.mean(axis=(1, 2))[:, None])


def test_what_overflows_by_the_first_projection():
    """The start of the recurrent kernel is the root of all that is not finite behind it."""
    report = excited("orthogonal", NonNeg())
    first, *others = report.findings
    assert first.code == "CW101", str(report)
    assert first.weight.endswith("recurrent_kernel"), str(report)
    assert first.treatment is not None
    assert first.treatment.healed, str(report)
    assert any(other.code == "CW404" for other in others), str(report)
    assert all(cause_of(one, report.findings) is first for one in others), str(report)


def test_a_recurrence_that_turns_its_state():
    """Without the constraint the same start keeps the length of the state."""
    report = excited("orthogonal", None)
    assert not [one for one in report.findings if one.counts], str(report)
