# after https://stackoverflow.com/questions/48289257
import keras
import numpy as np
from keras import layers, ops

FUNDS = 16


@keras.saving.register_keras_serializable("G149")
class Shares(keras.constraints.Constraint):
    """Each share between two bounds, and all together one."""

    def __init__(self, least, most):
        self.least, self.most = least, most

    def __call__(self, w):
        w = ops.clip(w, self.least, self.most)
        return w / ops.sum(w)

    def get_config(self):
        return {"least": self.least, "most": self.most}


def make_model():
    keras.utils.set_random_seed(1)
    equal = keras.initializers.Constant(1 / FUNDS)
    shares = {"kernel_initializer": equal, "kernel_constraint": Shares(0.0, 0.8)}
    model = keras.Sequential(
        [keras.Input((FUNDS,)), layers.Dense(1, use_bias=False, name="shares", **shares)]
    )
    model.compile(keras.optimizers.Adam(0.004), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(120, FUNDS)) + 0.5 * rng.normal(size=(120, 1))
    y = 0.6 * x[:, 3] + 0.4 * x[:, 9]
    return x.astype("float32"), y.astype("float32")[:, None]
