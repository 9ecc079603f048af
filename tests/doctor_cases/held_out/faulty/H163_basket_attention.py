# after https://github.com/pytorch/pytorch/pull/131060
import keras
import numpy as np
from keras import ops

VOCAB, LENGTH = 80, 12


class BasketPooling(keras.layers.Layer):
    def build(self, input_shape):
        dim = input_shape[0][-1]
        self.query = self.add_weight(
            shape=(dim, 1),
            name="query",
            initializer="glorot_uniform",
            constraint=keras.constraints.MaxNorm(3.0, axis=0),
        )

    def call(self, inputs):
        vectors, tokens = inputs
        score = ops.matmul(vectors, self.query)[..., 0]
        score = ops.where(ops.equal(tokens, 0), -np.inf, score)
        weight = ops.softmax(score, axis=-1)
        return ops.sum(weight[..., None] * vectors, axis=1)


def make_model():
    keras.utils.set_random_seed(4)
    tokens = keras.Input((LENGTH,), dtype="int32", name="basket")
    vectors = keras.layers.Embedding(
        VOCAB, 16, name="products", embeddings_constraint=keras.constraints.MaxNorm(2.0, axis=1)
    )(tokens)
    pooled = BasketPooling(name="pooling")([vectors, tokens])
    h = keras.layers.Dense(32, activation="relu", name="hidden")(pooled)
    spend = keras.layers.Dense(1, activation="softplus", kernel_constraint="non_neg", name="spend")(
        h
    )
    model = keras.Model(tokens, spend)
    model.compile(keras.optimizers.Adam(5e-3), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    n = 1500
    price = np.random.default_rng(7).uniform(0.2, 2.0, size=VOCAB)
    count = r.binomial(LENGTH, 0.4, size=n)
    x = np.zeros((n, LENGTH), dtype="int32")
    for i, c in enumerate(count):
        x[i, :c] = r.integers(1, VOCAB, size=c)
    filled = x > 0
    y = (price[x] * filled).sum(1) / np.maximum(filled.sum(1), 1)
    return x, y[:, None].astype("float32")
