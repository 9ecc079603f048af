# after rkim35/spikeRNN#3
import keras
import numpy as np
from keras import layers


def make_model(mended=False):
    keras.utils.set_random_seed(7)
    start = keras.initializers.RandomUniform(0, 1.2 / 64) if mended else "orthogonal"
    model = keras.Sequential(
        [
            keras.Input((60, 3)),
            layers.TimeDistributed(layers.Dense(32, activation="tanh"), name="sensory"),
            layers.SimpleRNN(
                64,
                activation="relu",
                recurrent_constraint=keras.constraints.NonNeg(),
                recurrent_initializer=start,
                name="excitatory",
            ),
            layers.Dense(16, activation="relu", name="readout"),
            layers.Dense(1, name="decision"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 60, 3)) * 0.5
    y = x[:, -12:, 0].mean(1, keepdims=True) * 3 + x[:, -5:, 1].mean(1, keepdims=True)
    return x.astype("float32"), y.astype("float32")
