# after https://blog.keras.io/building-autoencoders-in-keras.html
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(71)
    sparse = keras.regularizers.L1(1e-3)
    model = keras.Sequential(
        [
            keras.Input((32,)),
            layers.Dense(80, activation="relu", activity_regularizer=sparse, name="code"),
            layers.Dense(
                32, kernel_constraint=keras.constraints.UnitNorm(axis=1), name="dictionary"
            ),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    atoms = np.random.default_rng(711).normal(size=(40, 32)) / 6
    x = rng.exponential(2.0, size=(160, 40)) * (rng.random((160, 40)) < 0.08) @ atoms
    return x.astype("float32"), x.astype("float32")
