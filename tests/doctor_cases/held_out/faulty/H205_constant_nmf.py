"""Non-negative spectrogram factorisation: activations times a dictionary of notes."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(6)
    spectrum = keras.Input((32,), name="spectrum")
    activation = keras.layers.Dense(
        8,
        use_bias=False,
        activation="relu",
        kernel_initializer=keras.initializers.Constant(0.05),
        name="activations",
    )(spectrum)
    rebuilt = keras.layers.Dense(
        32,
        use_bias=False,
        kernel_initializer=keras.initializers.Constant(0.05),
        kernel_constraint=keras.constraints.NonNeg(),
        name="note_dictionary",
    )(activation)
    model = keras.Model(spectrum, rebuilt, name="spectral_nmf")
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(12)
    f = np.arange(32)
    notes = np.stack(
        [
            sum(np.exp(-0.5 * ((f - b * h) / 0.8) ** 2) / h for h in (1, 2, 3))
            for b in (3, 4, 5, 7, 8, 10)
        ]
    )
    gains = rng.gamma(0.7, 1.0, size=(256, 6))
    x = (gains @ notes + 0.01 * rng.uniform(size=(256, 32))).astype("float32")
    return x, x.copy()
