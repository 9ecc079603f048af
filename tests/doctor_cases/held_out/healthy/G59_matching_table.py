# a scenario
import keras
import numpy as np
from keras import ops

N = 10


@keras.saving.register_keras_serializable("g06")
class DoublyStochastic(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.maximum(w, 1e-6)
        for _ in range(20):
            w = w / ops.sum(w, axis=0, keepdims=True)
            w = w / ops.sum(w, axis=1, keepdims=True)
        return w


def make_model():
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            keras.Input((N,), name="shuffled"),
            keras.layers.Dense(
                N,
                use_bias=False,
                name="matching",
                kernel_initializer=keras.initializers.Constant(1.0 / N),
                kernel_constraint=DoublyStochastic(),
            ),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    order = np.random.default_rng(77).permutation(N)
    x = r.normal(size=(1200, N))
    y = x[:, order] + 0.05 * r.normal(size=x.shape)
    return x.astype("float32"), y.astype("float32")
