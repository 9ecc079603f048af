# after https://discuss.pytorch.org/t/symetric-convolution-weights/75593
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("psf")
class Symmetric(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        return 0.5 * (w + ops.transpose(w))


def make_model():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(
                1, 5, padding="same", use_bias=False, kernel_constraint=Symmetric(), name="psf"
            ),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    sharp = (rng.uniform(size=(400, 16, 16)) > 0.95).astype("float32")
    g = np.exp(-0.5 * (np.arange(-2, 3) / 1.1) ** 2)
    k = np.outer(g, g) / np.outer(g, g).sum()
    pad = np.pad(sharp, ((0, 0), (2, 2), (2, 2)))
    blurred = sum(k[i, j] * pad[:, i : i + 16, j : j + 16] for i in range(5) for j in range(5))
    return sharp[..., None], blurred[..., None].astype("float32")
