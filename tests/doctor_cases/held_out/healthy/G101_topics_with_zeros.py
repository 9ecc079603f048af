"""Non-negative matrix factorisation of a document-term table."""

import keras
import numpy as np
from keras import layers
from keras.constraints import NonNeg

DOCS, TERMS, TOPICS = 120, 40, 6


def make_model():
    keras.utils.set_random_seed(0)
    doc = keras.Input((), dtype="int32")
    h = layers.Embedding(
        DOCS,
        TOPICS,
        embeddings_initializer=keras.initializers.RandomUniform(0, 1),
        embeddings_constraint=NonNeg(),
        name="doc_topic",
    )(doc)
    out = layers.Dense(
        TERMS,
        use_bias=False,
        kernel_constraint=NonNeg(),
        kernel_initializer=keras.initializers.RandomUniform(0, 1),
        name="topic_term",
    )(h)
    model = keras.Model(doc, out)
    model.compile(optimizer=keras.optimizers.Adam(0.03), loss="mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    theta = rng.dirichlet(np.ones(TOPICS) * 0.2, size=DOCS) * 4
    beta = rng.gamma(0.3, 1.0, size=(TOPICS, TERMS))
    x = theta @ beta
    ids = np.tile(np.arange(DOCS), 10)
    y = x[ids] + 0.02 * rng.normal(size=(len(ids), TERMS))
    return ids.astype("int32"), np.maximum(y, 0).astype("float32")
