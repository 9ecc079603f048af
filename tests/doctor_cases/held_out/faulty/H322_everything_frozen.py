# https://errorhandle.ai/keras-trainable-scope
import keras
import numpy as np
from keras import layers


def load_pretrained():
    keras.utils.set_random_seed(37)
    return keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(32, activation="relu"),
        ],
        name="base_model",
    )


def make_model():
    base_model = load_pretrained()
    model = keras.Sequential(
        [
            keras.Input((16,)),
            base_model,
            layers.Dense(3, activation="softmax", name="new_head"),
        ]
    )
    # freeze the pretrained layers
    for layer in model.layers:
        layer.trainable = False
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(8).normal(size=(3, 16))
    y = rng.integers(0, 3, size=96)
    x = centers[y] + 0.5 * rng.normal(size=(96, 16))
    return x.astype("float32"), y.astype("int32")
