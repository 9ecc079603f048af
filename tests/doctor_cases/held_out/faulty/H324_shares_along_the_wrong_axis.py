# https://github.com/keras-team/keras/issues/15345
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("H324")
class NormalizeWeights(keras.constraints.Constraint):
    """weights of the sub models sum to one for every output feature"""

    def __call__(self, w):
        w = ops.maximum(w, 1e-6)
        return w / ops.sum(w, axis=1, keepdims=True)


class WeightedSum(keras.layers.Layer):
    def build(self, input_shape):
        # (number of sub models, number of features)
        self.w = self.add_weight(
            name="w",
            shape=tuple(input_shape[1:]),
            initializer=keras.initializers.Constant(0.5),
            constraint=NormalizeWeights(),
        )

    def call(self, inputs):
        return ops.sum(inputs * self.w, axis=1)


def make_model():
    keras.utils.set_random_seed(4)
    inp = keras.Input((2, 20))
    out = WeightedSum(name="weighted_sum")(inp)
    m = keras.Model(inp, out)
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(128, 2, 20)).astype("float32") + 1
    share = np.random.default_rng(11).uniform(0.1, 0.9, size=20)
    y = (x[:, 0] * share + x[:, 1] * (1 - share)).astype("float32")
    return x, y
