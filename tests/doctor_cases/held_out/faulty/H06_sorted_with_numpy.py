# after tensorflow/tensorflow#39009, tensorflow/tensorflow#51351
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class Ascending(keras.constraints.Constraint):
    """Bin heights in ascending order, sorted by NumPy."""

    def __call__(self, w):
        return ops.convert_to_tensor(np.sort(ops.convert_to_numpy(w), axis=0))


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((1,))
    hinge = layers.Dense(10, activation="relu", name="hinges")(inputs)
    model = keras.Model(
        inputs, layers.Dense(1, kernel_constraint=Ascending(), name="heights")(hinge)
    )
    model.compile(keras.optimizers.SGD(0.05), "mae")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).uniform(-1, 1, size=(64, 1)).astype("float32")
    return x, x**3
