# after PetrochukM/PyTorch-NLP#2, keras-team/keras#4962
import keras
import numpy as np
from keras import layers

STEPS, FEATS = 12, 6


def make_model():
    keras.utils.set_random_seed(3)
    seq = keras.Input((STEPS, FEATS))
    score = layers.Dense(
        1, use_bias=False, kernel_constraint=keras.constraints.UnitNorm(axis=0), name="score"
    )(seq)
    alpha = layers.Softmax(name="alpha")(score)
    pooled = layers.Dot(axes=1, name="pool")([alpha, seq])
    pooled = layers.Flatten()(pooled)
    out = layers.Dense(1, name="head")(pooled)
    model = keras.Model(seq, out)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(256, STEPS, FEATS))
    x[:, :, 0] = 0.0
    marked = rng.integers(0, STEPS, 256)
    x[np.arange(256), marked, 0] = 8.0
    y = x[np.arange(256), marked, 1] - 0.5 * x[np.arange(256), marked, 2]
    return x.astype("float32"), y[:, None].astype("float32")
