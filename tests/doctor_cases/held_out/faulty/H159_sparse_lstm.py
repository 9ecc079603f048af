# after https://github.com/tensorflow/tensorflow/issues/15087
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("wiring")
class Wiring(keras.constraints.Constraint):
    """Keeps only the allowed connections."""

    def __init__(self, mask):
        self.mask = np.asarray(mask, dtype="float32")

    def __call__(self, w):
        return w * ops.convert_to_tensor(self.mask)

    def get_config(self):
        return {"mask": self.mask.tolist()}


N_SENSORS, UNITS, STEPS = 12, 24, 20


def sensor_map():
    allowed = np.zeros((N_SENSORS, UNITS))
    for u in range(UNITS):
        allowed[[u % N_SENSORS, (u + 1) % N_SENSORS, (u + 5) % N_SENSORS], u] = 1.0
    return allowed


def make_model():
    keras.utils.set_random_seed(1)
    inp = keras.Input((STEPS, N_SENSORS), name="sensors")
    h = keras.layers.LSTM(UNITS, kernel_constraint=Wiring(sensor_map()), name="local_lstm")(inp)
    out = keras.layers.Dense(1, name="forecast")(h)
    model = keras.Model(inp, out)
    model.compile(keras.optimizers.Adam(5e-3), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(800, STEPS, N_SENSORS)).astype("float32")
    y = np.tanh(x[:, -5:, 0].sum(1) * 0.6) + 0.3 * x[:, -1, 3]
    return x, y[:, None].astype("float32")
