# repaired twin of cases/04_keepdims_square_silent.py
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case04")
class RowsSumToOne(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.maximum(ops.convert_to_tensor(w), 1e-6)
        return w / ops.sum(w, axis=1, keepdims=True)


def make_model():
    keras.utils.set_random_seed(1)
    m = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(8, use_bias=False, kernel_constraint=RowsSumToOne(), name="mix"),
            keras.layers.Dense(1),
        ]
    )
    m.compile(keras.optimizers.SGD(0.01), "mse")
    for v in m.variables:  # start feasible
        if getattr(v, "constraint", None) is not None:
            v.assign(v.constraint(v))
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
