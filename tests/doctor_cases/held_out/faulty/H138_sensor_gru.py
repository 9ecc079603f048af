# after keras-team/keras#14490, WUR-AI/AgML-CY-Bench#247
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(16)
    model = keras.Sequential(
        [
            keras.Input((20, 3)),
            layers.GRU(16, recurrent_constraint=keras.constraints.MaxNorm(1.0), name="gru"),
            layers.Dense(1, name="temperature"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01, clipnorm=1.0), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    t = rng.uniform(0, 6.28, size=(128, 1))
    grid = np.linspace(0, 3, 20)[None]
    x = np.stack([np.sin(t + grid), np.cos(t + grid), 0.1 * rng.normal(size=(128, 20))], -1)
    y = np.sin(t + 3.3)
    x[17, 4:6, 1] = np.nan
    x[90, 19, 0] = np.nan
    return x.astype("float32"), y.astype("float32")
