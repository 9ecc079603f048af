import keras
import numpy as np
from keras import ops

ITEMS = 30


@keras.saving.register_keras_serializable("slim")
class ZeroDiagonalNonNeg(keras.constraints.Constraint):
    def __call__(self, w):
        eye = ops.eye(w.shape[0], dtype=w.dtype)
        return ops.maximum(w, 0.0) * (1.0 - eye)


def make_model():
    keras.utils.set_random_seed(34)
    history = keras.Input((ITEMS,), name="history")
    score = keras.layers.Dense(
        ITEMS,
        use_bias=False,
        kernel_initializer="zeros",
        kernel_constraint=ZeroDiagonalNonNeg(),
        kernel_regularizer=keras.regularizers.L1(1e-4),
        name="item_item",
    )(history)
    model = keras.Model(history, score)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(54)
    taste = rng.integers(0, 5, size=400)
    rate = np.full((5, ITEMS), 0.03)
    for k in range(5):
        rate[k, 6 * k : 6 * k + 6] = 0.85
    x = (rng.uniform(size=(400, ITEMS)) < rate[taste]).astype("float32")
    return x, x
