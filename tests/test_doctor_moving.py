"""Moving statistics: of a normalization that several inputs share, and of a short training."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
BOTH = DRAWS.normal(size=(64, 2, 4)).astype("float32")
FAR = BOTH * np.array([[1.0], [6.0]], "float32") + np.array([[0.0], [20.0]], "float32")


def found(report, code):
    return [finding for finding in report.findings if finding.code == code]


def compared(norms, x):
    """A model that compares two parts of its input behind what is given for each of them."""
    both, dense = keras.Input(x.shape[1:]), layers.Dense(8, name="shared")
    parts = [norm(dense(both[:, at])) for at, norm in enumerate(norms)]
    last = layers.Dense(16, "relu")(layers.Concatenate()(parts))
    model = keras.Model(both, layers.Dense(1)(last))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)


def test_one_normalization_of_two_inputs_that_differ():
    norm = layers.BatchNormalization(momentum=0.9, name="norm")
    model = compared([norm, norm], FAR)
    before = [np.array(w) for w in model.get_weights()]
    report = ci.diagnose(model, FAR, BOTH[:, 0, :1])
    first = next(finding for finding in report.findings if finding.counts)
    assert (first.code, first.layer) == ("CW221", "norm"), str(report)
    assert first.evidence["calls"] == 2
    assert first.evidence["settled_loss"] > 2 * first.evidence["training_loss"]
    after = model.get_weights()
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def test_one_normalization_of_inputs_that_are_alike():
    """And one for each of two that differ, and one that is not trained."""
    norm = layers.BatchNormalization(momentum=0.9)
    assert not found(ci.diagnose(compared([norm, norm], BOTH), BOTH, BOTH[:, 0, :1]), "CW221")
    own = [layers.BatchNormalization(momentum=0.9) for _ in range(2)]
    assert not found(ci.diagnose(compared(own, FAR), FAR, BOTH[:, 0, :1]), "CW221")
    fixed = layers.BatchNormalization(trainable=False)
    assert not found(ci.diagnose(compared([fixed, fixed], FAR), FAR, BOTH[:, 0, :1]), "CW221")


@pytest.mark.parametrize("momentum", [0.9999, 0.9995, 0.999, 0.99, 0.8])
def test_how_many_steps_moving_statistics_take(momentum):
    """A note, for inputs of another size and a momentum that takes hundreds of steps.

    One that takes thousands is a warning, as predictions are worse than before any step till then.
    """
    norm = layers.BatchNormalization(momentum=momentum, name="norm")
    model = keras.Sequential([keras.Input((4,)), norm, layers.Dense(16, "relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    report = ci.diagnose(model, BOTH[:, 0] + 100, BOTH[:, 0, :1])
    notes = found(report, "CW222")
    assert report.ok == (momentum < 0.999), str(report)
    if momentum >= 0.999:
        (warning,) = notes
        assert warning.treatment.healed
        assert warning.treatment.change == "momentum=0.9 in norm"
        assert norm.momentum == momentum
        return
    if momentum == 0.8:
        assert not notes
        return
    (note,) = notes
    assert (note.level, note.layer) == ("info", "norm")
    assert note.evidence["steps_needed"] == 299
    assert "18.2 % of the way" in note.message


@pytest.mark.parametrize(
    ("momentum", "level", "rate"), [(0.999, 100.0, 0.001), (0.999, 0.0, 0.02), (0.9995, 0.0, 0.02)]
)
def test_a_long_momentum_that_is_meant(momentum, level, rate):
    """As that of networks of Keras, unless the weights have learned in a hundredth of the time.

    So is any where predictions are fine by what it starts with.
    """
    norm = layers.BatchNormalization(momentum=momentum)
    model = keras.Sequential([keras.Input((4,)), norm, layers.Dense(16, "relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(rate), "mse")
    assert ci.diagnose(model, BOTH[:, 0] + level, BOTH[:, 0, :1]).ok


def test_what_is_dropped_is_no_difference_of_moving_statistics():
    norm = layers.BatchNormalization(name="norm")
    parts = [norm, layers.Dense(32, "relu"), layers.Dropout(0.5), layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    report = ci.diagnose(model, BOTH[:, 0], BOTH[:, 0, :1])
    assert not found(report, "CW222"), str(report)
