# after keras-team/keras#10226
import keras
import numpy as np
from keras import layers, ops


class UnitRows(keras.constraints.Constraint):
    def __call__(self, w):
        return w / ops.sqrt(ops.sum(ops.square(w), axis=-1, keepdims=True))


class SafeUnitRows(UnitRows):
    def __call__(self, w):
        return w / ops.maximum(ops.sqrt(ops.sum(ops.square(w), axis=-1, keepdims=True)), 1e-7)


def glove(vocabulary=500, width=24):
    vectors = np.random.default_rng(7).normal(size=(vocabulary, width))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[0] = 0  # padding
    return vectors.astype("float32")


def make_model(mended=False):
    keras.utils.set_random_seed(6)
    matrix = glove()
    inputs = keras.Input((20,), dtype="int32")
    h = layers.Embedding(
        *matrix.shape,
        embeddings_initializer=lambda shape, dtype=None: ops.convert_to_tensor(matrix, dtype),
        embeddings_constraint=SafeUnitRows() if mended else UnitRows(),
        mask_zero=True,
        name="glove",
    )(inputs)
    h = layers.Bidirectional(layers.GRU(16), name="encoder")(h)
    h = layers.Dense(16, activation="relu", name="hidden")(h)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="sentiment")(h))
    model.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.integers(1, 500, (96, 20))
    for row, length in zip(x, r.integers(6, 21, 96), strict=True):
        row[length:] = 0
    y = ((x % 2 * (x > 0)).sum(1) > (x > 0).sum(1) / 2).astype("float32")
    return x.astype("int32"), y[:, None]
