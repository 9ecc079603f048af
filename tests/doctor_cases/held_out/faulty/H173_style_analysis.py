# after https://stackoverflow.com/questions/48289257
import keras
import numpy as np
from keras import ops

ASSETS = [
    "cash",
    "gilts",
    "ig",
    "hy",
    "em_debt",
    "us_eq",
    "eu_eq",
    "jp_eq",
    "em_eq",
    "reits",
    "gold",
    "commod",
]


@keras.saving.register_keras_serializable("style")
class FullyInvested(keras.constraints.Constraint):
    """Long only, weights of a column add up to one."""

    def __call__(self, w):
        return ops.softmax(w, axis=0)


def make_model():
    keras.utils.set_random_seed(11)
    returns = keras.Input((len(ASSETS),), name="asset_returns")
    fund = keras.layers.Dense(
        2,
        use_bias=False,
        kernel_initializer=keras.initializers.Constant(1.0 / len(ASSETS)),
        kernel_constraint=FullyInvested(),
        name="exposure",
    )(returns)
    model = keras.Model(returns, fund, name="style_analysis")
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(3)
    vol = np.array([0.1, 0.8, 1.0, 1.8, 1.9, 3.0, 3.2, 3.1, 4.0, 3.4, 2.9, 3.6])
    market = rng.normal(size=(256, 1))
    x = (0.5 * market + rng.normal(size=(256, 12))) * vol
    w = np.zeros((12, 2))
    w[[5, 2, 10], 0] = 0.6, 0.3, 0.1
    w[[8, 7, 0], 1] = 0.5, 0.2, 0.3
    y = x @ w + 0.05 * rng.normal(size=(256, 2))
    return x.astype("float32"), y.astype("float32")
