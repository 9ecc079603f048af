# Masked LSTM with max-norm recurrent weights and clipped gradients
import keras
import numpy as np
from keras import layers


def make_model(mended=False):
    keras.utils.set_random_seed(24)
    inputs = keras.Input((24,), dtype="int32")
    h = layers.Embedding(
        200,
        16,
        mask_zero=True,
        embeddings_constraint=keras.constraints.MaxNorm(2, axis=1),
        name="tokens",
    )(inputs)
    h = layers.LSTM(32, recurrent_constraint=keras.constraints.MaxNorm(3, axis=0), name="lstm")(h)
    h = layers.LayerNormalization(name="norm")(h)
    h = layers.Dense(16, activation="silu", name="hidden")(h)
    model = keras.Model(inputs, layers.Dense(3, name="logits")(h))
    model.compile(
        keras.optimizers.AdamW(5e-3, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.integers(4, 200, (96, 24))
    y = r.integers(0, 3, 96)
    for row, label, length in zip(x, y, r.integers(8, 25, 96), strict=True):
        row[r.integers(0, length, 2)] = label + 1
        row[length:] = 0
    return x.astype("int32"), y.astype("int32")
