# a scenario
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("bnn")
class Box(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(ops.convert_to_tensor(w), -1.0, 1.0)


@keras.saving.register_keras_serializable("bnn")
class BinaryDense(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer="glorot_uniform",
            constraint=Box(),
            name="kernel",
        )

    def call(self, x):
        w = ops.convert_to_tensor(self.kernel)
        b = ops.where(w >= 0, 1.0, -1.0)
        return ops.matmul(x, w + ops.stop_gradient(b - w))


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            BinaryDense(64, name="binary_1"),
            layers.BatchNormalization(name="bn_1"),
            layers.Activation("tanh"),
            BinaryDense(64, name="binary_2"),
            layers.BatchNormalization(name="bn_2"),
            layers.Activation("tanh"),
            layers.Dense(3, activation="softmax", name="classes"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def make_batch(seed=0):
    centres = 0.8 * np.random.default_rng(55).normal(size=(3, 20))
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, size=1200)
    return (centres[y] + rng.normal(size=(1200, 20))).astype("float32"), y.astype("int32")
