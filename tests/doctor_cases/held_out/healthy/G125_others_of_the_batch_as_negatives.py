"""Queries and answers on the unit sphere; the loss compares each with all others of the batch."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("g125")
def in_batch(y, pair):
    query, answer = ops.split(pair, 2, axis=-1)
    score = ops.matmul(query, ops.transpose(answer)) / 0.1
    return -ops.mean(ops.diagonal(ops.log_softmax(score, axis=1)))


def make_model():
    keras.utils.set_random_seed(44)
    query, answer = keras.Input((20,), name="query"), keras.Input((15,), name="answer")
    unit = layers.UnitNormalization(axis=-1)
    a = layers.Dense(8, kernel_constraint=keras.constraints.MaxNorm(3.0), name="ask")(query)
    b = layers.Dense(8, kernel_constraint=keras.constraints.MaxNorm(3.0), name="reply")(answer)
    model = keras.Model([query, answer], layers.Concatenate(name="pair")([unit(a), unit(b)]))
    model.compile(keras.optimizers.Adam(0.01), in_batch)
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    hidden = r.normal(size=(64, 5))
    query = hidden @ r.normal(size=(5, 20)) + 0.1 * r.normal(size=(64, 20))
    answer = hidden @ r.normal(size=(5, 15)) + 0.1 * r.normal(size=(64, 15))
    x = {"query": query.astype("float32"), "answer": answer.astype("float32")}
    return x, np.zeros((64, 1), "float32")
