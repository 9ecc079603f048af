# a scenario
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("house")
class Signs(keras.constraints.Constraint):
    def __init__(self, signs):
        self.signs = list(signs)

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        s = ops.reshape(ops.cast(self.signs, w.dtype), (-1, 1))
        return ops.where(s == 0, w, s * ops.relu(s * w))

    def get_config(self):
        return {"signs": self.signs}


@keras.saving.register_keras_serializable("house")
class SignedUniform(keras.initializers.Initializer):
    def __init__(self, signs, scale):
        self.signs = list(signs)
        self.scale = scale

    def __call__(self, shape, dtype=None):
        s = ops.reshape(ops.cast(self.signs, dtype or "float32"), (-1, 1))
        w = keras.random.uniform(shape, -self.scale, self.scale, dtype=dtype)
        return ops.where(s == 0, w, s * ops.abs(w))

    def get_config(self):
        return {"signs": self.signs, "scale": self.scale}


def make_model():
    keras.utils.set_random_seed(0)
    signs = [1, -1, 0, 0]
    positive = keras.initializers.RandomUniform(0.0, 0.3)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(
                24,
                activation="tanh",
                kernel_initializer=SignedUniform(signs, 0.7),
                kernel_constraint=Signs(signs),
                name="signed",
            ),
            layers.Dense(
                12,
                activation="elu",
                kernel_initializer=positive,
                kernel_constraint="non_neg",
                name="rising",
            ),
            layers.Dense(1, kernel_initializer=positive, kernel_constraint="non_neg", name="price"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1200, 4)).astype("float32")
    y = (
        1.1 * x[:, 0]
        - 0.8 * np.tanh(x[:, 1])
        + 0.6 * x[:, 2]
        - 0.4 * x[:, 3]
        + 0.1 * rng.normal(size=1200)
    )
    return x, y.astype("float32")[:, None]
