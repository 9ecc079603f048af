# Wide and deep churn model with max-norm and dropout
import keras
import numpy as np
from keras import layers


def make_model(mended=False):
    keras.utils.set_random_seed(21)
    inputs = keras.Input((18,))
    h = layers.BatchNormalization(name="scale")(inputs)
    for k, units in enumerate((64, 64, 32)):
        h = layers.Dense(
            units,
            activation="relu",
            kernel_initializer="he_normal",
            kernel_constraint=keras.constraints.MaxNorm(3),
            name=f"deep{k}",
        )(h)
        h = layers.Dropout(0.2)(h)
    h = layers.Concatenate()([h, inputs])
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="churn")(h))
    model.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"])
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(256, 18)) * r.uniform(0.5, 3, 18)
    x[:, 3] = 0  # a feature that nobody has
    y = (x[:, 0] - x[:, 1] * x[:, 2] / 3 + r.normal(0, 0.3, 256) > 1).astype("float32")
    return x.astype("float32"), y[:, None]
