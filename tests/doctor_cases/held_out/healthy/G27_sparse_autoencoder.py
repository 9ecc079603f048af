# after keras-team/keras#6615
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("averages")
class Sparse(keras.regularizers.Regularizer):
    """The divergence of the mean activity of each sigmoid from a wanted one."""

    def __init__(self, wanted=0.1, strength=0.05):
        self.wanted, self.strength = wanted, strength

    def __call__(self, x):
        mean = ops.clip(ops.mean(x, axis=0), 1e-4, 1 - 1e-4)
        parts = self.wanted * ops.log(self.wanted / mean)
        parts += (1 - self.wanted) * ops.log((1 - self.wanted) / (1 - mean))
        return self.strength * ops.sum(parts)

    def get_config(self):
        return {"wanted": self.wanted, "strength": self.strength}


def make_model():
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(24, activation="sigmoid", activity_regularizer=Sparse()),
            layers.Dense(64, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.random((32, 4)).astype("float32") @ rng.random((4, 64)).astype("float32") / 4
    return x, x
