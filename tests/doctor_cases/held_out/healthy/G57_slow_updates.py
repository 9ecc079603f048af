# a scenario
import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(3)
    inp = keras.Input((16, 4), name="window")
    h = keras.layers.GRU(
        24,
        kernel_constraint=keras.constraints.MaxNorm(1.0, axis=0),
        recurrent_constraint=keras.constraints.MaxNorm(1.0, axis=0),
        name="gru",
    )(inp)
    out = keras.layers.Dense(
        1, kernel_constraint=keras.constraints.MaxNorm(3.0, axis=0), name="next_value"
    )(h)
    model = keras.Model(inp, out)
    opt = keras.optimizers.AdamW(
        0.01, weight_decay=1e-3, global_clipnorm=0.5, gradient_accumulation_steps=4
    )
    model.compile(opt, "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(900, 16, 4)).astype("float32")
    y = 0.6 * x[:, -1, 0] + 0.5 * x[:, -2, 1] * (x[:, -1, 2] > 0) - 0.3 * x[:, -3, 3]
    return x, y[:, None].astype("float32")
