# after huggingface/transformers#382, keras-team/keras#17571, openai/gpt-2#122
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class MaskedMean(layers.Layer):
    """Attention over the steps that are there."""

    def build(self, shape):
        self.query = self.add_weight(
            shape=(shape[-1], 1),
            initializer="glorot_uniform",
            constraint=keras.constraints.MaxNorm(2.0),
            name="query",
        )

    def call(self, x):
        there = ops.cast(ops.any(ops.not_equal(x, 0), axis=-1, keepdims=True), x.dtype)
        score = ops.matmul(x, self.query) + (1 - there) * ops.cast(-1e9, x.dtype)
        return ops.sum(ops.softmax(score, axis=1) * x, axis=1)


def make_model():
    keras.utils.set_random_seed(0)
    steps = keras.Input((6, 4))
    pooled = MaskedMean(dtype="mixed_float16", name="attend")(steps)
    model = keras.Model(steps, layers.Dense(1, dtype="float32")(pooled))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(32, 6, 4)).astype("float32")
    x[::3, 4:] = 0.0
    return x, x[:, 0, :1]
