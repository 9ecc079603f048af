# after https://arxiv.org/abs/2006.09661
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("siren")
def fast_sine(x):
    return ops.sin(30.0 * x)


def make_model():
    keras.utils.set_random_seed(1)
    inner = keras.initializers.RandomUniform(-np.sqrt(6 / 48) / 30, np.sqrt(6 / 48) / 30)
    first = keras.initializers.RandomUniform(-0.5, 0.5)
    place = keras.Input((2,))
    h = layers.Dense(48, activation=fast_sine, kernel_initializer=first)(place)
    for _ in range(3):
        h = layers.Dense(48, activation=fast_sine, kernel_initializer=inner)(h)
    model = keras.Model(place, layers.Dense(3, kernel_initializer=inner)(h))
    model.compile(keras.optimizers.Adam(1e-4), "mse")
    return model


def make_batch(seed=0):
    axis = np.linspace(-1, 1, 20)
    place = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    r = np.hypot(*place.T)
    colour = np.stack([np.sin(9 * r), np.cos(7 * place[:, 0]), r > 0.6], axis=-1)
    return place.astype("float32"), colour.astype("float32")
