# after https://discuss.pytorch.org
import keras
import numpy as np
from keras import ops

ASSETS = 20


@keras.saving.register_keras_serializable("fund")
class SumToOne(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.softmax(w, axis=0)


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((ASSETS,), name="returns"),
            keras.layers.Dense(
                1,
                use_bias=False,
                name="allocation",
                kernel_initializer=keras.initializers.Constant(1.0 / ASSETS),
                kernel_constraint=SumToOne(),
            ),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(1500, ASSETS)).astype("float32")
    w = np.full(ASSETS, 0.005)
    w[[1, 4, 9, 15]] = [0.40, 0.27, 0.15, 0.10]
    y = x @ (w / w.sum()) + 0.02 * r.normal(size=1500)
    return x, y[:, None].astype("float32")
