# https://github.com/keras-team/keras/issues/13234
import keras
import numpy as np
from keras import layers, ops
from keras.constraints import Constraint


@keras.saving.register_keras_serializable("G142")
class UnitSum(Constraint):
    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        w = ops.maximum(w, 0.0)
        return w / (keras.config.epsilon() + ops.sum(w, axis=self.axis, keepdims=True))

    def get_config(self):
        return {"axis": self.axis}


def make_model():
    keras.utils.set_random_seed(52)
    preds = keras.Input((4,), name="models")
    out = layers.Dense(
        1,
        use_bias=False,
        kernel_initializer=keras.initializers.Constant(0.25),
        kernel_constraint=UnitSum(),
        name="blend",
    )(preds)
    model = keras.Model(preds, out)
    model.compile(keras.optimizers.SGD(0.05), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(256, 1))
    noise = np.array([0.1, 0.4, 1.5, 3.0])
    x = truth + rng.normal(size=(256, 4)) * noise
    return x.astype("float32"), truth.astype("float32")
