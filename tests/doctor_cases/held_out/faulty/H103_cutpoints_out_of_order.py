# after ck37/coral-ordinal#15
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("ordinal")
class Cutpoints(layers.Layer):
    """Chances of each grade: differences of a logistic curve between cutpoints."""

    def __init__(self, grades, **kwargs):
        super().__init__(**kwargs)
        self.grades = grades

    def build(self, shape):
        self.cuts = self.add_weight(
            shape=(self.grades - 1,), initializer="random_normal", name="cuts"
        )

    def call(self, score):
        below = ops.sigmoid(self.cuts - score)
        zero, one = ops.zeros_like(score), ops.ones_like(score)
        return ops.diff(ops.concatenate([zero, below, one], axis=-1), axis=-1)

    def compute_output_shape(self, shape):
        return (shape[0], self.grades)

    def get_config(self):
        return {**super().get_config(), "grades": self.grades}


@keras.saving.register_keras_serializable("ordinal")
def likelihood(grade, chances):
    grade = ops.one_hot(ops.cast(ops.reshape(grade, (-1,)), "int32"), chances.shape[-1])
    return -ops.mean(ops.log(ops.sum(grade * chances, axis=-1)))


def make_model():
    keras.utils.set_random_seed(8)
    review = keras.Input((20,), dtype="int32")
    h = layers.GlobalMaxPooling1D()(layers.Embedding(300, 16)(review))
    score = layers.Dense(1, use_bias=False, name="score")(h)
    model = keras.Model(review, Cutpoints(5, name="cutpoints")(score))
    model.compile("adam", likelihood)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(300, size=(64, 20)), rng.integers(5, size=(64, 1))
