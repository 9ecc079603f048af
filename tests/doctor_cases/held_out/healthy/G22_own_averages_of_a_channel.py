# after keras-team/keras#474
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("blur")
class Averages(keras.constraints.Constraint):
    """Each filter's part for a channel is an average: not negative, of sum one."""

    def __call__(self, w):
        w = ops.maximum(w, 1e-6)
        return w / ops.sum(w, axis=(0, 1), keepdims=True)


@keras.saving.register_keras_serializable("blur")
class Flat(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        w = keras.random.uniform(shape, 0.1, 1.0, dtype=dtype, seed=3)
        return w / ops.sum(w, axis=(0, 1), keepdims=True)


def make_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((12, 12, 3))
    h = layers.DepthwiseConv2D(
        3,
        depthwise_initializer=Flat(),
        depthwise_constraint=Averages(),
        use_bias=False,
        name="blur",
    )(image)
    h = layers.Conv2D(4, 1, activation="swish", name="mix")(h)
    model = keras.Model(image, layers.Dense(1)(layers.GlobalAveragePooling2D()(h)))
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).random((16, 12, 12, 3)).astype("float32")
    return x, x.mean(axis=(1, 2, 3))[:, None]
