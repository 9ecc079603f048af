"""Small noise-suppression GRU; all weights kept in the range of 8 bit fixed point."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("b08")
class WeightClip(keras.constraints.Constraint):
    """Clips the weights incident to each hidden unit to be inside a range."""

    def __init__(self, c=2):
        self.c = c

    def __call__(self, p):
        return ops.clip(p, -self.c, self.c)

    def get_config(self):
        return {"name": self.__class__.__name__, "c": self.c}


def make_model():
    keras.utils.set_random_seed(8)
    clip = WeightClip(0.499)
    m = keras.Sequential(
        [
            keras.Input((20, 10)),
            keras.layers.Dense(
                12,
                activation="tanh",
                kernel_constraint=clip,
                bias_constraint=clip,
                name="input_dense",
            ),
            keras.layers.GRU(
                12,
                return_sequences=True,
                kernel_constraint=clip,
                recurrent_constraint=clip,
                bias_constraint=clip,
                name="vad_gru",
            ),
            keras.layers.Dense(
                1,
                activation="sigmoid",
                kernel_constraint=clip,
                bias_constraint=clip,
                name="vad_output",
            ),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(16, 20, 10)).astype("float32")
    y = (np.cumsum(x[:, :, :1], axis=1) > 0).astype("float32")
    return x, y
