"""Likelihoods of shares, of predictions that add up to more than one."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What is seen are numbers of the loss, which no compiler has a part in.
pytestmark = pytest.mark.in_turns(every=16)

WORDS, TOPICS = 20, 3
DRAWS = np.random.default_rng(0)
TOLD = DRAWS.dirichlet(np.full(TOPICS, 0.3), 64) @ DRAWS.dirichlet(np.full(WORDS, 0.1), TOPICS)
COUNTS = np.stack([DRAWS.multinomial(30, row) for row in TOLD]).astype("float32")


@keras.saving.register_keras_serializable("sums_of_shares")
class Mixture(layers.Layer):
    """The chances of words, as a mixture of those of topics."""

    def __init__(self, axis, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, shape):
        self.words = self.add_weight((TOPICS, WORDS), "glorot_uniform", name="words")

    def call(self, topics):
        if self.axis == 0:
            return ops.matmul(topics, ops.softmax(self.words, axis=0))
        return ops.matmul(topics, ops.softmax(self.words, axis=-1))

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


def likelihood(y_true, y_pred):
    return -ops.sum(y_true * ops.log(y_pred + 1e-9), axis=-1)


def of_rates(y_true, y_pred):
    """That of counts, each with its own rate: these add up to anything."""
    return ops.sum(y_pred - y_true * ops.log(y_pred + 1e-9), axis=-1)


def of_any_size(y_true, y_pred):
    """Divides by the sum itself."""
    return likelihood(y_true, y_pred / ops.sum(y_pred, axis=-1, keepdims=True))


def told(axis, loss, last=None):
    keras.utils.set_random_seed(0)
    topics = layers.Dense(TOPICS, activation="softmax")
    model = keras.Sequential([keras.Input((WORDS,)), topics, last or Mixture(axis, name="mixture")])
    model.compile(keras.optimizers.Adam(0.02), loss)
    report = ci.diagnose(model, np.log1p(COUNTS), COUNTS)
    return [one for one in report.findings if one.code == "CW603"], report


def test_a_softmax_along_topics():
    """What adds up to one is the chances of a word, not those of all words."""
    (one,), report = told(0, likelihood)
    assert one.layer == "mixture", str(report)
    assert one.evidence["total"] > 5
    assert one.treatment is not None
    assert one.treatment.healed, str(report)
    assert (
        "+            return ops.matmul(topics, ops.softmax(self.words, axis=-1))"
        in one.treatment.diff
    )


def test_labels_of_which_only_those_that_apply_count():
    """Chances of one label each: the loss forgets those that do not apply."""
    (one,), report = told(None, likelihood, layers.Dense(WORDS, "sigmoid", name="labels"))
    assert one.layer == "labels", str(report)


@pytest.mark.parametrize(
    ("axis", "loss"), [(-1, likelihood), (0, of_rates), (0, of_any_size), (0, "poisson")]
)
def test_shares_and_losses_of_other_numbers(axis, loss):
    found, report = told(axis, loss)
    assert not found, str(report)
