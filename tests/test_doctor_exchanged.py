"""Labels that a loss of the user's own takes the other way around."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What is seen are numbers of the loss, which no compiler has a part in.
pytestmark = pytest.mark.in_turns(every=8)

DRAWS = np.random.default_rng(0)
WHICH = DRAWS.integers(0, 4, 64)
ALIKE = DRAWS.integers(0, 2, 64)
OTHER = np.where(ALIKE == 1, WHICH, (WHICH + DRAWS.integers(1, 4, 64)) % 4)
CENTERS = 0.1 * DRAWS.normal(size=(4, 6))
PAIRS = [(CENTERS[at] + 0.003 * DRAWS.normal(size=(64, 6))) for at in (WHICH, OTHER)]


def apart(y_true, y_pred):
    """A contrastive loss that takes 1 for pairs that differ."""
    far = ops.square(ops.maximum(1.0 - y_pred, 0.0))
    return ops.mean((1.0 - y_true) * ops.square(y_pred) + y_true * far, axis=-1)


@pytest.mark.parametrize("fits", [False, True])
def test_a_contrastive_loss_that_takes_labels_the_other_way_around(fits):
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential([keras.Input((6,)), layers.Dense(8, "tanh"), layers.Dense(4)])
    left, right = keras.Input((6,)), keras.Input((6,))
    squares = ops.square(encoder(left) - encoder(right))
    distance = ops.sqrt(ops.sum(squares, axis=-1, keepdims=True) + 1e-6)
    model = keras.Model([left, right], distance)
    model.compile(keras.optimizers.Adam(0.01), apart)
    labels = (1 - ALIKE if fits else ALIKE).astype("float32")[:, None]
    report = ci.diagnose(model, PAIRS, labels)
    found = [f for f in report.findings if f.code == "CW603"]
    assert len(found) == (not fits), str(report)
    for one in found:
        assert "with 1 and 0 exchanged" in one.message
        assert one.treatment is not None
        assert one.treatment.healed, str(report)


def costly(y_true, y_pred):
    """A cross-entropy in which a 1 that is missed costs more."""
    chances = ops.clip(y_pred, 1e-6, 1 - 1e-6)
    return -ops.mean(3 * y_true * ops.log(chances) + (1 - y_true) * ops.log(1 - chances))


def test_labels_that_are_hard_to_learn_are_not_exchanged():
    """Of noise nothing is learnt either way."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.01), costly)
    report = ci.diagnose(model, DRAWS.normal(size=(64, 6)), ALIKE.astype("float32")[:, None])
    assert not [f for f in report.findings if f.code == "CW603"]
