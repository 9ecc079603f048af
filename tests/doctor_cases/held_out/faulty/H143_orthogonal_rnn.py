# after https://github.com/MoonshotAI/Moonlight/issues/22
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("ornn")
class Bjorck(keras.constraints.Constraint):
    def __init__(self, steps=3):
        self.steps = steps

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        for _ in range(self.steps):
            w = 1.5 * w - 0.5 * ops.matmul(w, ops.matmul(ops.transpose(w), w))
        return w

    def get_config(self):
        return {"steps": self.steps}


def make_model():
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            keras.Input((25, 2)),
            layers.SimpleRNN(
                64,
                activation="tanh",
                recurrent_initializer="he_normal",
                recurrent_constraint=Bjorck(),
                name="memory",
            ),
            layers.Dense(1, name="readout"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    v = rng.uniform(size=(1500, 25))
    m = np.zeros((1500, 25))
    rows = np.arange(1500)
    i, j = rng.integers(0, 12, size=1500), rng.integers(12, 25, size=1500)
    m[rows, i] = 1
    m[rows, j] = 1
    return np.stack([v, m], -1).astype("float32"), (v * m).sum(1, keepdims=True).astype("float32")
