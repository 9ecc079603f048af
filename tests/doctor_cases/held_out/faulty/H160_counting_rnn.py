# after https://github.com/keras-team/keras/issues/2194
import keras
import numpy as np

STEPS, CHANNELS = 100, 4


def make_model():
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((STEPS, CHANNELS), name="pulses"),
            keras.layers.SimpleRNN(
                32,
                activation="relu",
                name="counter",
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.1),
                recurrent_initializer=keras.initializers.RandomUniform(0.0, 0.2),
                kernel_constraint="non_neg",
                recurrent_constraint="non_neg",
            ),
            keras.layers.Dense(1, kernel_constraint="non_neg", name="total"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    rate = r.uniform(0.02, 0.3, size=(256, 1, 1))
    x = (r.random((256, STEPS, CHANNELS)) < rate).astype("float32")
    y = (x[:, :, 0] + 0.5 * x[:, :, 2]).sum(1, keepdims=True) / STEPS
    return x, y.astype("float32")
