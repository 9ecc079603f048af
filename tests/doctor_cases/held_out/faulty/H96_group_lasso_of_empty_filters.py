# after tensorflow/tensorflow#3307
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("lasso")
class GroupLasso(keras.regularizers.Regularizer):
    """The sum of the norms of all places of a filter, so that whole places go to zero."""

    def __init__(self, strength=1e-3):
        self.strength = strength

    def __call__(self, w):
        return self.strength * ops.sum(ops.sqrt(ops.sum(ops.square(w), axis=(-2, -1))))

    def get_config(self):
        return {"strength": self.strength}


@keras.saving.register_keras_serializable("lasso")
def one_place(shape, dtype=None):
    """Every filter starts as the picture itself: a one in the middle, zero elsewhere."""
    w = np.zeros(shape, "float32")
    for channel in range(shape[-1]):
        w[shape[0] // 2, shape[1] // 2, channel % shape[2], channel] = 1.0
    return ops.convert_to_tensor(w, dtype)


def make_model():
    keras.utils.set_random_seed(1)
    clip = keras.Input((6, 14, 14, 2))
    frames = layers.TimeDistributed(
        layers.Conv2D(
            8,
            5,
            activation="relu",
            kernel_initializer=one_place,
            kernel_regularizer=GroupLasso(),
            name="filters",
        )
    )(clip)
    frames = layers.TimeDistributed(layers.GlobalMaxPooling2D())(frames)
    h = layers.GRU(16)(frames)
    model = keras.Model(clip, layers.Dense(4)(h))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(4, size=16)
    return rng.normal(size=(16, 6, 14, 14, 2)).astype("float32"), np.eye(4)[label]
