"""Clicks by the product of non-negative factors of a reader and of an article, in a sigmoid."""

import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(14)
    reader = keras.Input((1,), dtype="int32", name="reader")
    article = keras.Input((1,), dtype="int32", name="article")
    start = keras.initializers.RandomUniform(0.0, 0.5)
    likes = layers.Embedding(
        50, 8, embeddings_initializer=start, embeddings_constraint="non_neg", name="likes"
    )(reader)
    holds = layers.Embedding(
        40, 8, embeddings_initializer=start, embeddings_constraint="non_neg", name="holds"
    )(article)
    match = layers.Dot(axes=1, name="match")([layers.Flatten()(likes), layers.Flatten()(holds)])
    model = keras.Model([reader, article], layers.Activation("sigmoid", name="click")(match))
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    reader, article = r.integers(0, 50, (256, 1)), r.integers(0, 40, (256, 1))
    group, topic = r.integers(0, 5, 50), r.integers(0, 5, 40)
    y = (group[reader] == topic[article]).astype("float32")
    return {"reader": reader.astype("int32"), "article": article.astype("int32")}, y
