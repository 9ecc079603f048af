# after https://github.com/pytorch/pytorch/issues/133085
import keras
import numpy as np
from keras import ops

POLICY = "mixed_float16"


@keras.saving.register_keras_serializable("spectra")
class RMSNorm(keras.layers.Layer):
    def __init__(self, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        self.scale = self.add_weight(
            name="scale",
            shape=(input_shape[-1],),
            initializer="ones",
            constraint=keras.constraints.NonNeg(),
        )

    def call(self, x):
        power = ops.mean(ops.square(x), axis=-1, keepdims=True)
        return x * ops.rsqrt(power + self.epsilon) * ops.cast(self.scale, x.dtype)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


def make_model():
    keras.utils.set_random_seed(3)
    counts = keras.Input((32,), name="detector_counts")
    h = RMSNorm(dtype=POLICY, name="norm")(counts)
    h = keras.layers.Dense(
        48, activation="gelu", dtype=POLICY, kernel_constraint=keras.constraints.MaxNorm(3.0)
    )(h)
    h = keras.layers.Dense(24, activation="gelu", dtype=POLICY)(h)
    p = keras.layers.Dense(4, activation="softmax", dtype="float32")(h)
    model = keras.Model(counts, p)
    model.compile(
        optimizer=keras.optimizers.Adam(2e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def make_batch():
    rng = np.random.default_rng(19)
    shape = rng.gamma(2.0, size=(4, 32))
    shape = shape / shape.mean(axis=1, keepdims=True)
    label = rng.integers(0, 4, size=480)
    exposure = rng.uniform(400, 1500, size=(480, 1))
    x = exposure * shape[label] * rng.gamma(4.0, 0.25, size=(480, 32))
    return np.minimum(x, 30000).astype("float32"), label.astype("int32")
