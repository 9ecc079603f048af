# after keras-team/keras#11860, keras-team/keras#11832, afiaka87/glide-finetune#5
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    h = layers.Conv2D(8, 3, activation="relu", dtype="float16", name="half_conv")(image)
    h = layers.GlobalAveragePooling2D(dtype="float16")(h)
    model = keras.Model(image, layers.Dense(1, dtype="float32")(h))
    model.compile(keras.optimizers.Adam(0.001, epsilon=1e-8), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(16, 8, 8, 3)).astype("float32")
    y = x.mean(axis=(1, 2))[:, :1].astype("float32") * 4
    return x, y
