# Cosine classifier with a learned scale (at least 1) on top of a block-masked layer.
import keras
import numpy as np
from keras import layers, ops

MASK = np.kron(np.eye(4), np.ones((8, 12))).astype("float32")


@keras.saving.register_keras_serializable("cos")
class BlockMask(keras.constraints.Constraint):
    def __call__(self, w):
        return w * MASK


@keras.saving.register_keras_serializable("cos")
class BlockInit(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None, **kw):
        return keras.random.normal(shape, stddev=0.35, dtype=dtype, seed=3) * MASK


@keras.saving.register_keras_serializable("cos")
class AtLeastOne(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.maximum(w, 1.0)


class Scale(layers.Layer):
    def build(self, input_shape):
        self.s = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(16.0),
            constraint=AtLeastOne(),
            name="s",
        )

    def call(self, x):
        return x * self.s


def make_model():
    keras.utils.set_random_seed(7)
    m = keras.Sequential(
        [
            keras.Input((32,)),
            layers.Dense(
                48,
                activation="relu",
                kernel_initializer=BlockInit(),
                kernel_constraint=BlockMask(),
                name="groups",
            ),
            layers.Dense(16, name="embedding"),
            layers.UnitNormalization(),
            layers.Dense(
                20,
                use_bias=False,
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.25),
                kernel_constraint=keras.constraints.UnitNorm(axis=0),
                name="classes",
            ),
            Scale(name="scale"),
        ]
    )
    m.compile(
        keras.optimizers.Adam(0.003),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    centers = r.normal(size=(20, 32))
    y = np.arange(160) % 20
    return (centers[y] + 0.3 * r.normal(size=(160, 32))).astype("float32"), y.astype("int32")
