import keras
import numpy as np

KEEP = 0.9


def hidden(x, units, name):
    x = keras.layers.Dense(
        units,
        activation="relu",
        kernel_initializer="he_uniform",
        kernel_constraint=keras.constraints.MaxNorm(3.0, axis=0),
        name=name,
    )(x)
    return keras.layers.Dropout(KEEP, name=f"{name}_drop")(x)


def make_model():
    keras.utils.set_random_seed(18)
    x = keras.Input((20,), name="sensors")
    h = hidden(x, 48, "h1")
    h = hidden(h, 32, "h2")
    h = hidden(h, 24, "h3")
    p = keras.layers.Dense(5, activation="softmax", name="class")(h)
    model = keras.Model(x, p)
    model.compile(
        optimizer=keras.optimizers.Adam(3e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def make_batch():
    rng = np.random.default_rng(29)
    centre = rng.normal(size=(10, 20)) * 0.9
    blob = rng.integers(0, 10, size=512)
    x = centre[blob] + rng.normal(size=(512, 20)) * 0.6
    return x.astype("float32"), (blob % 5).astype("int32")
