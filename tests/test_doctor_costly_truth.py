"""A loss of the user's own whose sign is turned: the truth costs most."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._costly_truth import _at_the_truth

# What is seen are numbers of the loss, which no compiler has a part in.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 6)).astype("float32")
Y = np.tanh(X @ DRAWS.normal(size=(6, 3))).astype("float32")
TIMES = np.exp(0.5 * X[:, :1])


def to_the_opposite(y_true, y_pred):
    """1 less a cosine that Keras gives with its sign turned."""
    return 1.0 - keras.losses.cosine_similarity(y_true, y_pred)


def angle(y_true, y_pred):
    return 1.0 + keras.losses.cosine_similarity(y_true, y_pred)


def share_explained(y_true, y_pred):
    """The coefficient of determination, which should grow."""
    rest = ops.sum(ops.square(y_true - y_pred))
    return 1.0 - rest / ops.sum(ops.square(y_true - ops.mean(y_true, axis=0)))


def hazard(y_true, y_pred):
    """Minus the likelihood of times under a rate whose logarithm is predicted."""
    return ops.mean(ops.exp(y_pred) * y_true - y_pred, axis=-1)


def dependence(y_true, y_pred):
    """What predictions tell of something that they are to tell nothing of."""
    product = ops.mean(y_true * y_pred) - ops.mean(y_true) * ops.mean(y_pred)
    return product**2 / (ops.var(y_true) * ops.var(y_pred) + 1e-6)


def told(loss, y):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(16, "tanh"), layers.Dense(y.shape[1], name="end")]
    )
    model.compile(keras.optimizers.Adam(0.01), loss)
    report = ci.diagnose(model, X, y)
    return [one for one in report.findings if one.code == "CW603"], report


def test_a_cosine_with_its_sign_turned():
    (one,), report = told(to_the_opposite, Y)
    assert one.evidence["loss"] > one.evidence["loss_of_others"], str(report)
    assert one.evidence["correlation"] < 0
    assert one.treatment is not None
    assert one.treatment.healed, str(report)
    assert "2 - to_the_opposite(y_true, y_pred)" in one.treatment.code


@pytest.mark.parametrize(("loss", "y"), [(angle, Y), (hazard, TIMES), (dependence, Y)])
def test_losses_that_mean_what_they_do(loss, y):
    """A cosine the right way up; rates, which are low where times are long; independence."""
    found, report = told(loss, y)
    assert not found, str(report)


@pytest.mark.parametrize(
    ("loss", "y", "turned"),
    [
        (to_the_opposite, Y, True), (share_explained, Y, True),
        (angle, Y, False), (hazard, TIMES, False), (dependence, Y, False),
        (keras.losses.poisson, TIMES, False), (keras.losses.log_cosh, Y, False),
    ],
)  # fmt: skip
def test_what_the_truth_costs(loss, y, turned):
    """More than what is off it to either side, where the sign is turned alone."""
    assert (_at_the_truth(loss, ops.convert_to_tensor(y.astype("float32"))) is not None) == turned
