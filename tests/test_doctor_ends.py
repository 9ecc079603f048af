"""What an output comes out of, where layers behind it only lay it out anew: CW603."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# Layers and graphs are those of Keras on any backend.
pytestmark = pytest.mark.in_turns(every=8)

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")

BEHIND = {
    "flattened": lambda p: layers.Flatten()(layers.Reshape((1, 1))(p)),
    "operation": lambda p: ops.squeeze(ops.expand_dims(p, -1), -1),
    "picked": lambda p: layers.Reshape((1, 1))(p)[:, 0],
}


def of_logits(end, given=True):
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    h = layers.Dense(8, activation="relu")(x)
    model = keras.Model(x, end(h))
    loss = keras.losses.BinaryCrossentropy(from_logits=given)
    model.compile(keras.optimizers.Adam(0.05), loss)
    return ci.diagnose(model, X, Y)


@pytest.mark.parametrize("behind", BEHIND)
def test_a_sigmoid_in_front_of_another_layout(behind):
    """A loss of logits is told of it, and tried without a second sigmoid."""
    report = of_logits(lambda h: BEHIND[behind](layers.Dense(1, "sigmoid", name="p")(h)))
    (one,) = (finding for finding in report.findings if finding.code == "CW603")
    assert one.layer == "p"
    assert "sigmoid" in one.message
    assert one.treatment is not None
    assert one.treatment.healed
    assert "from_logits=False" in one.treatment.code


def test_a_sigmoid_that_is_an_operation():
    """It is none of a layer's, and the same to the loss."""
    report = of_logits(lambda h: ops.sigmoid(layers.Dense(1)(h)))
    (one,) = (finding for finding in report.findings if finding.code == "CW603")
    assert "sigmoid" in one.message
    assert one.treatment is not None
    assert one.treatment.healed


def test_a_sigmoid_of_each_step():
    """In a sequential model, too, and in a layer that is taken at each step."""
    keras.utils.set_random_seed(0)
    last = layers.TimeDistributed(layers.Dense(1, activation="sigmoid"))
    model = keras.Sequential([keras.Input((3, 4)), last, layers.Flatten()])
    model.compile(keras.optimizers.Adam(0.05), keras.losses.BinaryCrossentropy(from_logits=True))
    x = np.random.default_rng(1).normal(size=(32, 3, 4)).astype("float32")
    report = ci.diagnose(model, x, (x[..., 0] > 0).astype("float32"))
    (one,) = (finding for finding in report.findings if finding.code == "CW603")
    assert one.treatment is not None
    assert one.treatment.healed


@pytest.mark.parametrize(("last", "given"), [("sigmoid", False), (None, True)])
def test_an_output_that_the_loss_takes(last, given):
    report = of_logits(lambda h: layers.Flatten()(layers.Dense(1, last)(h)), given)
    assert not report.findings, str(report)
