import keras
import numpy as np
from keras import ops

N = 8


@keras.saving.register_keras_serializable("pose")
class LearnedRotation(keras.layers.Layer):
    """Cayley map of a skew matrix, times a fixed orthogonal base."""

    def build(self, input_shape):
        self.theta = self.add_weight(name="theta", shape=(N, N), initializer="zeros")
        self.base = self.add_weight(
            name="base",
            shape=(N, N),
            trainable=False,
            initializer=keras.initializers.Orthogonal(seed=10),
        )

    def call(self, x):
        upper = ops.triu(self.theta, 1)
        skew = upper - ops.transpose(upper)
        eye = ops.eye(N, dtype=skew.dtype)
        q = ops.solve(eye + skew, eye - skew)
        return ops.matmul(x, ops.matmul(self.base, q))


def make_model():
    keras.utils.set_random_seed(36)
    x = keras.Input((N,))
    h = LearnedRotation(name="rotation")(x)
    h = keras.layers.Dense(
        24,
        activation="tanh",
        kernel_initializer="lecun_normal",
        kernel_constraint=keras.constraints.MaxNorm(4.0),
    )(h)
    y = keras.layers.Dense(2, kernel_initializer="zeros", name="head")(h)
    model = keras.Model(x, y)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(56)
    x = rng.normal(size=(420, N))
    a, b = rng.normal(size=(2, N)) / np.sqrt(N)
    y = np.stack([np.tanh(2.0 * x @ a), 0.5 * (x @ b) + np.sin(x @ a)], axis=1)
    return x.astype("float32"), y.astype("float32")
