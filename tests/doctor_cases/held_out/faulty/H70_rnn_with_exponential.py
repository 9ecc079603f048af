# after keras-team/keras#15912
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(4)
    x = layers.Input((6, 3))
    h = layers.SimpleRNN(50, activation="exponential", name="growing")(x)
    model = keras.Model(x, layers.Dense(1)(h))
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((16, 6, 3)).astype("float32"), rng.random((16, 1)).astype("float32")
