# Echo state network: a frozen random reservoir (spectral radius 0.9), only the readout is trained.
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(2)
    reservoir = layers.SimpleRNN(
        100, use_bias=False, return_sequences=True, trainable=False, name="reservoir"
    )
    m = keras.Sequential(
        [
            keras.Input((40, 1)),
            reservoir,
            layers.Dense(1, kernel_constraint=keras.constraints.MaxNorm(20.0), name="readout"),
        ]
    )
    r = np.random.default_rng(7)
    w_in = r.uniform(-0.5, 0.5, size=(1, 100))
    w = r.normal(size=(100, 100)) * (r.random((100, 100)) < 0.1)
    w *= 0.9 / np.abs(np.linalg.eigvals(w)).max()
    reservoir.set_weights([w_in.astype("float32"), w.astype("float32")])
    m.compile(keras.optimizers.Adam(0.02), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    t = r.uniform(0, 20, size=(64, 1)) + 0.3 * np.arange(41)[None]
    s = np.sin(t) * np.cos(0.31 * t)
    return s[:, :-1, None].astype("float32"), s[:, 1:, None].astype("float32")
