# after https://github.com/keras-team/keras/issues/13234
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("ensemble")
class UnitSum(keras.constraints.Constraint):
    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        total = ops.sum(w, axis=self.axis, keepdims=True)
        return w / (total + keras.config.epsilon())

    def get_config(self):
        return {"axis": self.axis}


MEMBERS, HORIZONS = 10, 6


def make_model():
    keras.utils.set_random_seed(4)
    members = keras.Input((MEMBERS,), name="member_forecasts")
    blended = keras.layers.Dense(
        HORIZONS, use_bias=False, kernel_constraint=UnitSum(axis=0), name="blend"
    )(members)
    model = keras.Model(members, blended)
    model.compile(optimizer=keras.optimizers.SGD(0.02), loss="mse", metrics=["mae"])
    return model


def make_batch():
    rng = np.random.default_rng(8)
    truth = rng.normal(size=(320, 1)).cumsum(axis=0) * 0.3
    truth = (truth - truth.mean()) / truth.std()
    skill = np.linspace(0.15, 1.5, MEMBERS)
    x = truth + skill * rng.normal(size=(320, MEMBERS))
    y = truth + 0.1 * rng.normal(size=(320, HORIZONS))
    return x.astype("float32"), y.astype("float32")
