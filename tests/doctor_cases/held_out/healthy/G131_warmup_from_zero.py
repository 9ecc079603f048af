# Cosine schedule with a warm-up from a rate of zero: the first step does nothing on purpose.
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(3)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, 2000, warmup_target=3e-3, warmup_steps=50, alpha=0.05
    )
    inp = keras.Input((20,), dtype="int32")
    h = layers.Embedding(
        50,
        16,
        mask_zero=True,
        embeddings_constraint=keras.constraints.MaxNorm(1.0, axis=1),
        name="emb",
    )(inp)
    h = layers.MultiHeadAttention(
        2, 8, kernel_constraint=keras.constraints.MaxNorm(2.0), name="mha"
    )(h, h)
    h = layers.GlobalAveragePooling1D()(h)
    out = layers.Dense(2, name="out")(h)
    m = keras.Model(inp, out)
    m.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.01, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    y = np.arange(128) % 2
    x = r.integers(11, 50, size=(128, 20))
    x[np.arange(20)[None] >= r.integers(8, 21, size=(128, 1))] = 0
    for i in range(128):
        x[i, r.integers(0, 8, size=2)] = r.integers(1, 6, size=2) + 5 * y[i]
    return x.astype("int32"), y.astype("int32")
