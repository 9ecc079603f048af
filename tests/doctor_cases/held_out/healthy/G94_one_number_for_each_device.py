import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(1)
    i = keras.Input((10,), dtype="int32")
    z = keras.Input((10, 3))
    start = keras.initializers.RandomUniform(-0.5, 0.5, seed=1)
    table = layers.Embedding(
        12, 1, embeddings_initializer=start, embeddings_constraint=keras.constraints.UnitNorm()
    )
    h = layers.LSTM(16)(layers.Concatenate()([table(i), z]))
    m = keras.Model([i, z], layers.Dense(1)(h))
    m.compile(keras.optimizers.Adam(0.005), "mse")
    return m


def make_batch():
    r = np.random.default_rng(0)
    d, z = r.integers(0, 12, (128, 10)), r.normal(size=(128, 10, 3))
    y = np.sin(d[:, -1]) + z[:, -1, 0]
    return [d.astype("int32"), z.astype("float32")], y[:, None].astype("float32")
