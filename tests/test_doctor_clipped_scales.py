"""Steps of a model's own that clip weights once the optimizer is done."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

BACKEND = keras.backend.backend()
RNG = np.random.default_rng(0)
Y = np.repeat([1.0, -1.0], 32).astype("float32")[:, None]
X = (2.0 + 3.0 * RNG.normal(size=(64, 6)) + Y).astype("float32")


class ClipsAll(keras.Model):
    """A critic whose step clips whatever is a weight."""

    def train_step(self, *args):
        result = super().train_step(*args)
        for v in self.weights:
            v.assign(ops.clip(v, -0.1, 0.1))
        return result


class ClipsLayers(keras.Model):
    """The same, layer by layer."""

    def train_step(self, *args):
        result = super().train_step(*args)
        for layer in self.layers:
            layer.set_weights([np.clip(w, -0.1, 0.1) for w in layer.get_weights()])
        return result


class ClipsKernels(keras.Model):
    """A critic whose step clips its kernels."""

    def train_step(self, *args):
        result = super().train_step(*args)
        for v in [w for w in self.trainable_variables if w.name == "kernel"]:
            v.assign(ops.clip(v, -0.1, 0.1))
        return result


class Averages(keras.Model):
    """A model whose step lets a scale decay, and clips nothing."""

    def train_step(self, *args):
        result = super().train_step(*args)
        for v in self.trainable_variables:
            if v.name == "gamma":
                v.assign(0.999 * v)
        return result


def told(kind):
    keras.utils.set_random_seed(2)
    x = inputs = keras.Input((6,))
    x = layers.Dense(8, name="first")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Dense(1)(layers.LeakyReLU(0.2)(x))
    model = kind(inputs, x)
    # On TensorFlow NumPy reads no weights in a graph.
    model.compile(keras.optimizers.RMSprop(0.01), "mse", run_eagerly=True)
    report = ci.diagnose(model, X, Y)
    return report, [f for f in report.findings if f.code == "CW707"]


@pytest.mark.skipif(BACKEND == "jax", reason="what a step assigns is lost there")
@pytest.mark.parametrize("kind", [ClipsAll, ClipsLayers] if BACKEND == "torch" else [ClipsAll])
def test_a_clip_of_all_weights_holds_scales_and_statistics(kind):
    """It is named with its bound, and the model trains farther where these are left alone."""
    report, found = told(kind)
    assert [f.level for f in found] == ["warning"], str(report)
    [finding] = found
    assert finding.weight == "norm/gamma"
    assert "to [-0.1, 0.1]" in finding.message
    assert "norm/moving_variance" in finding.message
    done = finding.treatment
    assert done is not None
    assert done.healed, str(report)
    new = '+        for v in [w for w in self.weights if w.name == "kernel"]:'
    assert (new in done.diff) == (kind is ClipsAll)


@pytest.mark.skipif(BACKEND == "jax", reason="what a step assigns is lost there")
@pytest.mark.parametrize("kind", [ClipsKernels, Averages] if BACKEND == "torch" else [Averages])
def test_other_changes_behind_the_optimizer_are_left_alone(kind):
    """A clip of the kernels, and a decay that no bound is told by."""
    report, found = told(kind)
    assert not found, str(report)


@pytest.mark.skipif(BACKEND != "jax", reason="elsewhere it is no state that a step returns")
def test_what_a_step_assigns_in_vain_is_told():
    """The clip does nothing: the weights become what the returned state holds."""
    report, found = told(ClipsKernels)
    [finding] = found
    assert "throws that away" in finding.message, str(report)
    assert "first/kernel" in finding.message
