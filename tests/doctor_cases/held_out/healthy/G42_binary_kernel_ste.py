# healthy: sign in the forward pass, weights at the clip bound (10 %)
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("cases")
class ClipLatent(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, -1.0, 1.0)


@keras.saving.register_keras_serializable("cases")
class BinaryDense(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.latent = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer=keras.initializers.RandomUniform(-1, 1),
            constraint=ClipLatent(),
            name="latent",
        )

    def call(self, x):
        sign = ops.where(self.latent >= 0, 1.0, -1.0)
        kernel = self.latent + ops.stop_gradient(sign - self.latent)
        return ops.matmul(x, kernel) / float(x.shape[-1]) ** 0.5


def make_model():
    keras.utils.set_random_seed(23)
    model = keras.Sequential(
        [
            keras.Input((16,)),
            BinaryDense(32),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            BinaryDense(3),
            layers.BatchNormalization(),
            layers.Softmax(),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def make_batch(seed=0):
    world = np.random.default_rng(106)
    centre = 1.2 * world.normal(size=(3, 16))
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, 256)
    return (centre[y] + rng.normal(size=(256, 16))).astype("float32"), y.astype("int32")
