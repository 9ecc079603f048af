# after https://github.com/keras-team/keras/pull/22789
import keras
import numpy as np
from keras import ops

EXPERTS, WIDTH, DEPTH = 48, 16, 6


class ExpertDense(keras.layers.Layer):
    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(EXPERTS, input_shape[-1], self.units),
            name="kernel",
            initializer="he_normal",
            constraint=keras.constraints.MaxNorm(3.0, axis=1),
        )
        self.bias = self.add_weight(shape=(EXPERTS, self.units), name="bias", initializer="zeros")

    def call(self, x):
        return self.activation(ops.einsum("bei,eio->beo", x, self.kernel) + self.bias)


def make_model():
    keras.utils.set_random_seed(14)
    inp = keras.Input((8,), name="features")
    h = keras.layers.RepeatVector(EXPERTS, name="to_experts")(inp)
    for i in range(DEPTH):
        h = ExpertDense(WIDTH, "relu", name=f"experts_{i}")(h)
    h = ExpertDense(1, name="experts_out")(h)
    out = keras.layers.GlobalAveragePooling1D(name="committee")(h)
    model = keras.Model(inp, out)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(1000, 8)).astype("float32")
    y = np.sin(x[:, 0]) + 0.5 * x[:, 1] - 0.5 * np.abs(x[:, 2]) + 0.4
    return x, y[:, None].astype("float32")
