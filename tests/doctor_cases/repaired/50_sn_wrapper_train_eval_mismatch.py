# repaired twin of cases/50_sn_wrapper_train_eval_mismatch.py
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case50fix")
class SpectralNorm(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        u = ops.ones((1, w.shape[-1]))
        for _ in range(30):
            v = ops.normalize(ops.matmul(u, ops.transpose(w)))
            u = ops.normalize(ops.matmul(v, w))
        return w / ops.matmul(ops.matmul(v, w), ops.transpose(u))


def make_model():
    keras.utils.set_random_seed(0)

    def sn(n):
        return keras.layers.Dense(n, kernel_constraint=SpectralNorm())

    m = keras.Sequential(
        [
            keras.Input((8,)),
            sn(16),
            keras.layers.LeakyReLU(),
            sn(16),
            keras.layers.LeakyReLU(),
            keras.layers.Dense(1),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "mse")
    for v in m.variables:  # start feasible
        if getattr(v, "constraint", None) is not None:
            v.assign(v.constraint(v))
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
