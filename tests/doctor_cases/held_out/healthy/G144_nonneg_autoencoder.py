# https://codepudding.com/database/311293.html
import keras
import numpy as np
from keras import layers
from keras.constraints import NonNeg

# non-negative matrix factorisation as an autoencoder


def make_model():
    keras.utils.set_random_seed(62)
    init = keras.initializers.RandomUniform(0.0, 0.1)
    counts = keras.Input((60,))
    topics = layers.Dense(
        6,
        activation="linear",
        use_bias=False,
        kernel_constraint=NonNeg(),
        kernel_initializer=init,
        name="W",
    )(counts)
    out = layers.Dense(
        60,
        activation="linear",
        use_bias=False,
        kernel_constraint=NonNeg(),
        kernel_initializer=init,
        name="H",
    )(topics)
    model = keras.Model(counts, out)
    model.compile(keras.optimizers.Adam(0.005), loss="poisson")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    topics = np.random.default_rng(15).dirichlet(np.full(60, 0.1), size=6)
    mix = rng.dirichlet(np.full(6, 0.2), size=150)
    x = rng.poisson(80 * mix @ topics).astype("float32")
    return x, x
