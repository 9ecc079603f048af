# after https://github.com/EthanRosenthal/spacecutter/issues/5
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("ordinal")
class Ascending(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.sort(ops.convert_to_tensor(w))


@keras.saving.register_keras_serializable("ordinal")
class CumulativeLink(layers.Layer):
    def __init__(self, classes, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, input_shape):
        self.cutpoints = self.add_weight(
            shape=(self.classes - 1,), initializer="zeros", constraint=Ascending(), name="cutpoints"
        )

    def call(self, score):
        below = ops.sigmoid(self.cutpoints - score)
        first = below[:, :1]
        middle = below[:, 1:] - below[:, :-1]
        last = 1.0 - below[:, -1:]
        return ops.concatenate([first, middle, last], axis=-1)


@keras.saving.register_keras_serializable("ordinal")
def nll(y_true, y_pred):
    hot = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), 5)
    return -ops.log(ops.sum(hot * y_pred, axis=-1))


def make_model():
    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [
            keras.Input((11,)),
            layers.Dense(16, activation="tanh", name="chemistry"),
            layers.Dense(1, use_bias=False, name="score"),
            CumulativeLink(5, name="rating"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss=nll)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1200, 11)).astype("float32")
    s = x[:, 0] - 0.7 * x[:, 3] + 0.5 * np.tanh(x[:, 5]) + 0.4 * rng.normal(size=1200)
    y = np.digitize(s, [-1.4, -0.5, 0.5, 1.4])
    return x, y.astype("int32")[:, None]
