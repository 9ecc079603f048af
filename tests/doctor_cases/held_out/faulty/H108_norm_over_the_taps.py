# after keras-team/keras#474, vlawhern/arl-eegmodels#1
import keras
import numpy as np
from keras import layers


def make_model(mended=False):
    keras.utils.set_random_seed(1)
    unit = keras.constraints.UnitNorm(axis=[0, 1]) if mended else keras.constraints.UnitNorm()
    inputs = keras.Input((96, 8))
    h = inputs
    for k in range(5):
        h = layers.Conv1D(
            64, 5, padding="same", activation="relu", kernel_constraint=unit, name=f"conv{k}"
        )(h)
        if k % 2:
            h = layers.MaxPooling1D(2)(h)
    h = layers.GlobalAveragePooling1D()(h)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="classes")(h))
    model.compile(
        keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    y = r.integers(0, 3, 96)
    t = np.arange(96) / 96
    wave = np.sin(2 * np.pi * np.array([4, 9, 18])[y][:, None] * t + r.uniform(0, 6, (96, 1)))
    gain = r.uniform(0.5, 1, 8)
    x = wave[:, :, None] * gain + r.normal(0, 0.6, (96, 96, 8))
    return x.astype("float32"), y.astype("int32")
