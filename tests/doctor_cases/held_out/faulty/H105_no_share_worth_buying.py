# after https://stackoverflow.com/questions/48289257
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("portfolio")
class LongOnly(layers.Layer):
    """No short positions, and everything invested: shares of sum one."""

    def call(self, scores):
        positive = ops.relu(scores)
        return positive / ops.sum(positive, axis=-1, keepdims=True)


@keras.saving.register_keras_serializable("portfolio")
def minus_sharpe(returns, shares):
    gain = ops.sum(returns * shares, axis=-1)
    return -ops.mean(gain) / (ops.std(gain) + 1e-6)


def make_model():
    keras.utils.set_random_seed(10)
    history = keras.Input((30, 5))
    h = layers.LSTM(24)(history)
    scores = layers.Dense(5, name="scores")(h)
    model = keras.Model(history, LongOnly(name="shares")(scores))
    model.compile(keras.optimizers.Adam(3e-3), minus_sharpe)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    history = rng.normal(size=(64, 30, 5)) + 0.1
    return history.astype("float32"), (0.02 * rng.normal(size=(64, 5))).astype("float32")
