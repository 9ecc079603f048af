# after https://github.com/Lezcano/geotorch/issues/23
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("frames")
class CayleyOrthogonal(keras.layers.Layer):
    """y = x Q + b with Q = (I + A)^-1 (I - A), A skew."""

    def build(self, input_shape):
        n = input_shape[-1]
        self.free = self.add_weight(
            name="free",
            shape=(n, n),
            initializer=keras.initializers.RandomNormal(stddev=0.2, seed=6),
        )
        self.offset = self.add_weight(name="offset", shape=(n,), initializer="zeros")

    def rotation(self):
        upper = ops.triu(self.free, 1)
        skew = upper - ops.transpose(upper)
        eye = ops.eye(skew.shape[0], dtype=skew.dtype)
        return ops.solve(eye + skew, eye - skew)

    def call(self, x):
        return ops.matmul(x, self.rotation()) + self.offset


def make_model():
    keras.utils.set_random_seed(12)
    reading = keras.Input((6,), name="wrist_unit")
    model = keras.Model(reading, CayleyOrthogonal(name="to_reference")(reading))
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(41)

    def turn(i, j, angle):
        r = np.eye(6)
        r[i, i] = r[j, j] = np.cos(angle)
        r[i, j], r[j, i] = -np.sin(angle), np.sin(angle)
        return r

    frame = turn(0, 1, 0.7) @ turn(1, 2, -0.5) @ turn(3, 4, 1.1) @ turn(4, 5, 0.3)
    frame = frame @ np.diag([1.0, 1.0, -1.0, 1.0, 1.0, 1.0])
    x = rng.normal(size=(320, 6))
    y = x @ frame + 0.1 + 0.02 * rng.normal(size=(320, 6))
    return x.astype("float32"), y.astype("float32")
