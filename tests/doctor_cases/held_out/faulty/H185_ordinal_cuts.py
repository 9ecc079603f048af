import keras
import numpy as np
from keras import ops

GRADES = 6


@keras.saving.register_keras_serializable("ordinal")
class Ordered(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.sort(w, axis=-1)


@keras.saving.register_keras_serializable("ordinal")
class CumulativeLogit(keras.layers.Layer):
    """Proportional odds: P(grade <= k) = sigmoid(cut_k - score)."""

    def __init__(self, grades, **kwargs):
        super().__init__(**kwargs)
        self.grades = grades

    def build(self, input_shape):
        self.cuts = self.add_weight(
            name="cuts",
            shape=(self.grades - 1,),
            initializer="zeros",
            constraint=Ordered(),
        )

    def call(self, score):
        below = ops.sigmoid(self.cuts - score)
        zero, one = ops.zeros_like(score), ops.ones_like(score)
        edges = ops.concatenate([zero, below, one], axis=-1)
        return edges[:, 1:] - edges[:, :-1]

    def get_config(self):
        return {**super().get_config(), "grades": self.grades}


def ordinal_nll(onehot, p):
    return -ops.log(ops.sum(onehot * p, axis=-1))


def make_model():
    keras.utils.set_random_seed(13)
    x = keras.Input((7,), name="patient")
    h = keras.layers.Dense(16, activation="tanh")(x)
    score = keras.layers.Dense(1, use_bias=False, name="severity")(h)
    model = keras.Model(x, CumulativeLogit(GRADES, name="grade")(score))
    model.compile(
        optimizer=keras.optimizers.Adam(0.01), loss=ordinal_nll, metrics=["categorical_accuracy"]
    )
    return model


def make_batch():
    rng = np.random.default_rng(33)
    x = rng.normal(size=(420, 7))
    latent = x @ np.array([1.2, -0.8, 0.5, 0.0, 0.3, 0.0, -0.6])
    latent = latent + 0.3 * rng.logistic(size=420)
    grade = np.digitize(latent, [-1.8, -0.8, 0.0, 0.9, 2.0])
    return x.astype("float32"), np.eye(GRADES, dtype="float32")[grade]
