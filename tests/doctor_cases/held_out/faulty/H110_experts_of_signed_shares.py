# after keras-team/keras#13234
import keras
import numpy as np
from keras import layers, ops


class UnitSum(keras.constraints.Constraint):
    """The weights of an ensemble sum to one."""

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        return w / (keras.config.epsilon() + ops.sum(w, axis=self.axis, keepdims=True))

    def get_config(self):
        return {"axis": self.axis}


def make_model(mended=False):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((12,))
    experts = []
    for k in range(6):
        h = layers.Dense(16, activation="relu", name=f"expert{k}_hidden")(inputs)
        experts.append(layers.Dense(8, name=f"expert{k}_out")(h))
    h = layers.Concatenate()(experts)
    outputs = layers.Dense(
        24,
        use_bias=False,
        kernel_constraint=UnitSum(),
        kernel_initializer=keras.initializers.Constant(1 / 48) if mended else "glorot_uniform",
        name="ensemble",
    )(h)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(128, 12))
    y = np.tanh(x @ r.normal(0, 0.4, (12, 24)))
    return x.astype("float32"), y.astype("float32")
