# after Nerogar/OneTrainer#889
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(12)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(
                16,
                activation="softplus",
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.2),
                kernel_constraint="non_neg",
                name="up_1",
            ),
            layers.Dense(
                1,
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.2),
                kernel_constraint="non_neg",
                name="up_2",
            ),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.99, ema_overwrite_frequency=1),
        "mse",
    )
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(256, 8))
    y = 1.5 * x[:, :1] + 0.8 * x[:, 1:2] + np.log1p(np.exp(x[:, 2:3])) + 3.0
    return x.astype("float32"), y.astype("float32")
