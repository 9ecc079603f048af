# after https://arxiv.org/abs/2103.00020
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("clip")
class AtMost(keras.constraints.Constraint):
    """The logarithm of the scale between 0 and log(100)."""

    def __call__(self, w):
        return ops.clip(w, 0.0, float(np.log(100.0)))


@keras.saving.register_keras_serializable("clip")
class Similarities(layers.Layer):
    """Cosines of all pairs of a batch, times a scale that is learnt."""

    def build(self, shapes):
        self.logit_scale = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(float(np.log(1 / 0.07))),
            constraint=AtMost(),
            name="logit_scale",
        )

    def call(self, inputs):
        picture, text = (ops.normalize(v, axis=-1) for v in inputs)
        return ops.exp(self.logit_scale) * ops.matmul(picture, ops.transpose(text))

    def compute_output_shape(self, shapes):
        return (None, None)


def make_model():
    keras.utils.set_random_seed(0)
    picture, text = keras.Input((64,)), keras.Input((10,), dtype="int32")
    a = layers.Dense(32)(layers.Dense(64, activation="gelu")(picture))
    words = layers.Embedding(200, 32)(text)
    b = layers.Dense(32)(layers.GlobalAveragePooling1D()(words))
    model = keras.Model([picture, text], Similarities()([a, b]))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(1e-3), loss)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    pictures = rng.normal(size=(32, 64)).astype("float32")
    text = rng.integers(1, 200, size=(32, 10))
    return [pictures, text.astype("int32")], np.arange(32)
