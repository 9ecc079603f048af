"""Outputs that are bounded however large the weights become, and targets beyond them."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rule says follows from numbers, on any backend.
pytestmark = pytest.mark.in_turns(every=8)

USERS, ITEMS = 12, 15
DRAWS = np.random.default_rng(0)
WHO, WHAT = DRAWS.integers(0, USERS, 96), DRAWS.integers(0, ITEMS, 96)
LIKED = np.tanh(DRAWS.normal(size=(USERS, 2))[WHO] * DRAWS.normal(size=(ITEMS, 2))[WHAT]).mean(1)
STARS = 3.3 + 1.7 * LIKED[:, None]


def table(rows, bound):
    return layers.Embedding(rows, 4, embeddings_constraint=bound)


class Recommender(keras.Model):
    """The product of two vectors, as code."""

    def __init__(self, bound):
        super().__init__()
        self.who, self.what = table(USERS, bound), table(ITEMS, bound)

    def call(self, inputs):
        return ops.sum(self.who(inputs[0]) * self.what(inputs[1]), axis=-1, keepdims=True)


def of_products(bound, normalize=False, last=None):
    who, what = (keras.Input((), dtype="int32") for _ in range(2))
    tables = [table(USERS, bound)(who), table(ITEMS, bound)(what)]
    found = layers.Dot(1, normalize=normalize, name="stars")(tables)
    return keras.Model([who, what], found if last is None else last(found))


def out_of_reach(model, targets):
    keras.utils.set_random_seed(1)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    x = [WHO.astype("int32"), WHAT.astype("int32")]
    report = ci.diagnose(model, x, targets.astype("float32"))
    return [f for f in report.findings if f.code == "CW605"], str(report)


@pytest.mark.parametrize("made", [of_products, Recommender], ids=["layers", "code"])
def test_ratings_that_no_product_of_bounded_vectors_is(made):
    """Named with the weights that are bounded, and with a wider bound they are reached."""
    [found], text = out_of_reach(made(keras.constraints.MaxNorm(1.0, axis=1)), STARS)
    assert found.evidence["low"] == pytest.approx(-1, abs=1e-3), text
    assert found.evidence["high"] == pytest.approx(1, abs=1e-3)
    assert found.weight.endswith("embeddings")
    assert "as large as their constraints let them be" in found.message
    assert found.treatment.healed, text
    assert "max_value=3.0" in found.treatment.change


def test_ratings_that_no_cosine_is():
    """There is no bound to be widened: a dense layer behind it scales and shifts."""
    [found], text = out_of_reach(of_products(None, normalize=True), STARS)
    assert "'stars', whatever the weights are" in found.message
    assert found.treatment.healed, text
    assert "a Dense(1) behind 'stars'" in found.treatment.change


@pytest.mark.parametrize(
    ("model", "targets"),
    [
        (lambda: of_products(keras.constraints.MaxNorm(3.0, axis=1)), STARS),
        (lambda: of_products(keras.constraints.MaxNorm(1.0, axis=1)), LIKED[:, None] - 0.1),
        # Few of them are beyond.
        (lambda: of_products(keras.constraints.MaxNorm(1.0, axis=1)), 1.5 * LIKED[:, None]),
        (lambda: of_products(keras.constraints.MaxNorm(1.0, axis=1), last=layers.Dense(1)), STARS),
        (lambda: of_products(None), STARS),
        (lambda: of_products(keras.constraints.NonNeg()), STARS),
    ],
    ids=["wide", "near", "few beyond", "scaled", "free", "without an end"],
)
def test_targets_within_reach(model, targets):
    found, text = out_of_reach(model(), targets)
    assert not found, text


@keras.saving.register_keras_serializable("test_doctor_within_reach")
class Shares(keras.constraints.Constraint):
    """Rows that are not negative and add up to one."""

    def __call__(self, w):
        w = ops.relu(w)
        return w / (ops.sum(w, axis=-1, keepdims=True) + 1e-7)


GROUPS = DRAWS.dirichlet(np.full(3, 0.3), USERS) @ DRAWS.dirichlet(np.full(8, 0.3), 3)


@pytest.mark.parametrize("total", [1.0, 40.0])
def test_counts_that_no_product_of_shares_is(total):
    """One of the two has to carry the scale; shares themselves are within reach."""
    keras.utils.set_random_seed(2)
    who, start = keras.Input((), dtype="int32"), keras.initializers.RandomUniform(0.1, 0.3)
    table = layers.Embedding(USERS, 3, start, embeddings_constraint=Shares(), name="of_users")
    counts = layers.Dense(
        8, use_bias=False, kernel_initializer=start, kernel_constraint=Shares(), name="of_groups"
    )
    model = keras.Model(who, counts(table(who)))
    model.compile(keras.optimizers.Adam(0.05), "mse")
    report = ci.diagnose(model, WHO.astype("int32"), (total * GROUPS[WHO]).astype("float32"))
    found = [one for one in report.findings if one.code == "CW605"]
    assert len(found) == (total > 1), str(report)
    for one in found:
        assert one.evidence["low"] == 0
        assert one.evidence["high"] == pytest.approx(1, abs=0.3)
        assert one.treatment is not None
        assert one.treatment.healed, str(report)
        assert "ci.NonNegative()" in one.treatment.code
