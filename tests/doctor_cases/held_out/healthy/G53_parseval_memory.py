# a scenario
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("parseval")
class Retract(keras.constraints.Constraint):
    def __init__(self, beta=0.5):
        self.beta = beta

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        gram = ops.matmul(w, ops.transpose(w))
        return (1 + self.beta) * w - self.beta * ops.matmul(gram, w)

    def get_config(self):
        return {"beta": self.beta}


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((30, 5)),
            layers.SimpleRNN(
                32,
                activation="linear",
                recurrent_initializer="identity",
                recurrent_constraint=Retract(),
                name="memory",
            ),
            layers.Dense(4, activation="softmax", name="recall"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.002),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, size=1000)
    x = np.zeros((1000, 30, 5), "float32")
    x[np.arange(1000), 0, y] = 1.0
    x[:, 1:, 4] = 0.2 * rng.normal(size=(1000, 29))
    return x, y.astype("int32")
