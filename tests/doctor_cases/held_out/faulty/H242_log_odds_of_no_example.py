"""Multi-label behaviour tagger.

The bias of the head starts at the log odds counted over the training labels.
"""

import keras
import numpy as np

COUNTS = np.array([310, 42, 0, 118, 7])
FRAMES = 1000


@keras.saving.register_keras_serializable("tagger27")
def log_odds(shape, dtype=None):
    p = COUNTS / FRAMES
    with np.errstate(divide="ignore"):
        return keras.ops.convert_to_tensor(np.log(p / (1 - p)), dtype=dtype)


def make_model():
    keras.utils.set_random_seed(0)
    inp = keras.Input((16, 6))
    h = keras.layers.Conv1D(
        12,
        3,
        activation="relu",
        kernel_constraint=keras.constraints.MaxNorm(2.0, axis=(0, 1)),
        name="motion",
    )(inp)
    h = keras.layers.GlobalMaxPooling1D()(h)
    m = keras.Model(inp, keras.layers.Dense(5, bias_initializer=log_odds, name="behaviours")(h))
    m.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(from_logits=True))
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 16, 6)).astype("float32")
    y = (r.uniform(size=(64, 5)) < COUNTS / FRAMES).astype("float32")
    y[:, 0] = x[:, :, 0].max(axis=1) > 2.0
    return x, y
