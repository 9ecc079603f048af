"""Places of an example that layers of the user's own make alike, or mix up."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What is seen are numbers, which no compiler has a part in.
pytestmark = pytest.mark.in_turns(every=8)

DRAWS = np.random.default_rng(0)
KINDS = DRAWS.integers(0, 2, size=(48, 10))
NODES = (2 * KINDS[..., None] - 1 + 0.3 * DRAWS.normal(size=(48, 10, 4))).astype("float32")


class Averaged(layers.Layer):
    """A kernel, and half of what each place gets is the mean of all places."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 8), name="kernel")

    def call(self, x):
        inner = ops.tanh(ops.matmul(x, self.kernel))
        return 0.2 * inner + 0.8 * ops.mean(inner, axis=1, keepdims=True)


def graph_of(count, around):
    keras.utils.set_random_seed(0)
    given = keras.Input((10, 4))
    inner = layers.Dense(8, name="first")(given)
    for place in range(count):
        made = Averaged(name=f"hop_{place}")(inner)
        inner = layers.Add()([inner, made]) if around else made
    model = keras.Model(given, layers.Dense(1, activation="sigmoid")(inner))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return model


@pytest.mark.parametrize(("count", "around"), [(6, False), (2, False), (6, True)])
def test_layers_that_average_until_all_places_are_alike(count, around):
    """Fewer of them are healthy, and so are as many with a way around each."""
    report = ci.diagnose(graph_of(count, around), NODES, KINDS[..., None].astype("float32"))
    found = [f for f in report.findings if f.code == "CW504" and "within" in f.evidence]
    assert len(found) == (count == 6 and not around), str(report)
    for one in found:
        assert one.layer == "hop_0"
        assert one.treatment is not None
        assert one.treatment.healed, str(report)
        assert "x = (x + Averaged(...)(x, ...)) / 2**0.5" in one.treatment.code


SIGNALS = DRAWS.normal(size=(48, 4, 9)).astype("float32")


@pytest.mark.parametrize("meant", [False, True])
def test_a_reshape_that_mixes_up_two_axes(meant):
    """One that undoes what the numbers had been cut to is meant."""
    keras.utils.set_random_seed(0)
    given = keras.Input((4, 9))
    inner = layers.Reshape((9, 4), name="time_first")(given)
    model = keras.Model(given, layers.Conv1D(1, 1, kernel_initializer="zeros")(inner))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    laid_out = SIGNALS.reshape(48, 9, 4) if meant else SIGNALS.transpose(0, 2, 1)
    report = ci.diagnose(model, SIGNALS, laid_out[:, :, 1:2] - laid_out[:, :, :1])
    found = [f for f in report.findings if f.code == "CW417"]
    assert [f.layer for f in found] == ([] if meant else ["time_first"]), str(report)
    for one in found:
        assert one.treatment is not None
        assert one.treatment.healed, str(report)
        assert one.treatment.code.startswith("keras.layers.Permute((2, 1), name='time_first')")
