# healthy: attention output and logits kernels all zero at the start: part of the net has zero g
import keras
import numpy as np
from keras import layers

VOCAB, STEPS = 12, 16


def make_model():
    keras.utils.set_random_seed(24)
    tok = keras.Input((STEPS,), dtype="int32")
    h = layers.Embedding(
        VOCAB,
        32,
        embeddings_constraint=keras.constraints.UnitNorm(axis=1),
        embeddings_initializer=keras.initializers.RandomNormal(0, 0.18),
        name="token",
    )(tok)
    att = layers.MultiHeadAttention(2, 16, name="attention")
    a = att(h, h, use_causal_mask=True)
    att._output_dense.kernel.assign(np.zeros(att._output_dense.kernel.shape, "float32"))
    h = layers.LayerNormalization()(layers.Add()([h, a]))
    logits = layers.Dense(VOCAB, kernel_initializer="zeros", name="logits")(h)
    model = keras.Model(tok, logits)
    model.compile(
        keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, VOCAB, (128, 1))
    seq = (start + 5 * np.arange(STEPS + 1)[None]) % VOCAB
    return seq[:, :-1].astype("int32"), seq[:, 1:].astype("int32")
