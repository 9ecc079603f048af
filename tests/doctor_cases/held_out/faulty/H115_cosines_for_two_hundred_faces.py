# after https://arxiv.org/abs/1704.06369
import keras
import numpy as np
from keras import layers

CLASSES = 200


def make_model(mended=False):
    keras.utils.set_random_seed(8)
    inputs = keras.Input((32,))
    h = layers.Dense(128, activation="relu", name="fc1")(inputs)
    h = layers.Dense(128, activation="relu", name="fc2")(h)
    h = layers.Dense(64, name="face")(h)
    h = layers.UnitNormalization(axis=-1)(h)
    if mended:
        h = layers.Rescaling(20.0)(h)
    outputs = layers.Dense(
        CLASSES,
        activation="softmax",
        use_bias=False,
        kernel_constraint=keras.constraints.UnitNorm(axis=0),
        name="identities",
    )(h)
    model = keras.Model(inputs, outputs)
    model.compile(
        keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(CLASSES, 32))
    y = r.integers(0, CLASSES, 512)
    return (centres[y] + r.normal(0, 0.5, (512, 32))).astype("float32"), y.astype("int32")
