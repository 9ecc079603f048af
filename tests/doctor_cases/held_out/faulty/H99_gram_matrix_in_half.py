# after ProGamerGov/neural-style-pt#97
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("style")
class Gram(layers.Layer):
    """How the channels of a picture go together."""

    def call(self, features):
        shape = ops.shape(features)
        flat = ops.reshape(features, (shape[0], -1, features.shape[-1]))
        together = ops.matmul(ops.transpose(flat, (0, 2, 1)), flat)
        return together / flat.shape[1]

    def compute_output_shape(self, shape):
        return (shape[0], shape[-1], shape[-1])


def make_model():
    keras.utils.set_random_seed(4)
    half = "mixed_float16"
    picture = keras.Input((48, 48, 3))
    h = layers.Rescaling(255.0, dtype=half)(picture)
    h = layers.Conv2D(12, 3, activation="relu", dtype=half, name="conv1_1")(h)
    h = layers.Conv2D(12, 3, activation="relu", dtype=half, name="conv1_2")(h)
    style = Gram(dtype=half, name="gram")(h)
    h = layers.Flatten(dtype=half)(style)
    model = keras.Model(picture, layers.Dense(5, dtype="float32", activation="softmax")(h))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((8, 48, 48, 3)).astype("float32"), rng.integers(5, size=8)
