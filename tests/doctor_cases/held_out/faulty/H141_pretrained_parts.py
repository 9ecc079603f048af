# after https://github.com/mrosol/Nonlincausality/pull/12
import keras
import numpy as np
from keras import layers


def _digits(rng, n):
    fixed = np.random.default_rng(12)
    parts = fixed.uniform(size=(10, 40)) * (fixed.uniform(size=(10, 40)) > 0.6)
    label = rng.integers(0, 10, size=n)
    x = parts[label] * rng.uniform(0.7, 1.3, size=(n, 1)) + 0.05 * rng.normal(size=(n, 40))
    return x.astype("float32"), label.astype("int32")


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((40,))
    code = layers.Dense(
        24,
        activation="relu",
        name="parts",
        kernel_constraint="non_neg",
        kernel_initializer=keras.initializers.RandomUniform(0.0, 0.1),
    )(inputs)
    recon = layers.Dense(40, name="reconstruction")(code)
    opt = keras.optimizers.Adam(0.005)

    autoencoder = keras.Model(inputs, recon)
    autoencoder.compile(optimizer=opt, loss="mse")
    x, _ = _digits(np.random.default_rng(99), 640)
    autoencoder.fit(x, x, epochs=2, batch_size=64, verbose=0)

    probs = layers.Dense(10, activation="softmax", name="probs")(code)
    classifier = keras.Model(inputs, probs)
    classifier.compile(optimizer=opt, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return classifier


def make_batch(seed=0):
    return _digits(np.random.default_rng(seed), 1000)
