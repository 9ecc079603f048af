# after https://github.com/rkim35/spikeRNN/issues/3
import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(7)
    drive = keras.Input((60, 3), name="drive")
    rate = keras.layers.SimpleRNN(
        64,
        activation="relu",
        recurrent_constraint=keras.constraints.NonNeg(),
        name="excitatory_population",
    )(drive)
    readout = keras.layers.Dense(1, name="readout")(rate)
    model = keras.Model(drive, readout, name="rate_network")
    model.compile(optimizer=keras.optimizers.Adam(5e-4, clipnorm=1.0), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(23)
    x = rng.normal(size=(256, 60, 3)) * 0.5
    gate = (rng.uniform(size=(256, 60)) < 0.15).astype("float64")
    x[:, :, 1] = gate
    y = 0.3 * gate.sum(axis=1, keepdims=True)
    y = y + 0.5 * x[:, -20:, 2].mean(axis=1, keepdims=True)
    return x.astype("float32"), y.astype("float32")
