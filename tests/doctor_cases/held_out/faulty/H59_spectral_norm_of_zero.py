# after keras-team/keras#10405
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("sngan")
class SpectralBound(keras.constraints.Constraint):
    """Divides by the largest singular value, after a few power iterations from ones."""

    def __init__(self, iterations=5):
        self.iterations = iterations

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        v = ops.ones((w.shape[-1], 1), dtype=w.dtype)
        for _ in range(self.iterations):
            u = ops.matmul(w, v)
            u = u / ops.norm(u)
            v = ops.matmul(ops.transpose(w), u)
            v = v / ops.norm(v)
        sigma = ops.sum(u * ops.matmul(w, v))
        return w / sigma

    def get_config(self):
        return {"iterations": self.iterations}


def make_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1))
    h = layers.Conv2D(8, 3, strides=2, activation="leaky_relu", name="filters")(image)
    h = layers.Flatten()(h)
    h = layers.Dense(
        16,
        activation="leaky_relu",
        kernel_initializer="orthogonal",
        kernel_constraint=SpectralBound(12),
    )(h)
    score = layers.Dense(
        1, kernel_initializer="zeros", kernel_constraint=SpectralBound(), name="score"
    )(h)
    model = keras.Model(image, score)
    model.compile(keras.optimizers.Adam(2e-4, beta_1=0.0), "hinge")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(32, 8, 8, 1)).astype("float32")
    return x, np.ones((32, 1), "float32")
