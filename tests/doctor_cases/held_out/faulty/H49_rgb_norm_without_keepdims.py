# after tensorflow/tensorflow#39009, Songweiping/TCN-TF#2
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class UnitFilters(keras.constraints.Constraint):
    """Norm over the filters; without keepdims it lines up with the wrong axes."""

    def __call__(self, w):
        return w / (1e-7 + ops.sqrt(ops.sum(ops.square(w), axis=3)))


def make_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    h = layers.Conv2D(
        3, 3, padding="same", activation="relu", kernel_constraint=UnitFilters(), name="colour"
    )(image)
    model = keras.Model(image, layers.Dense(1)(layers.GlobalAveragePooling2D()(h)))
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(16, 8, 8, 3)).astype("float32")
    y = x.mean(axis=(1, 2))[:, :1].astype("float32") * 4
    return x, y
