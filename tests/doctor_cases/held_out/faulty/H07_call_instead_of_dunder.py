# after tensorflow/tensorflow#51922, keras-team/keras#15345
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class ColumnsSumToOne(keras.constraints.Constraint):
    def call(self, w):
        w = ops.relu(w)
        return w / ops.sum(w, axis=0, keepdims=True)


@keras.saving.register_keras_serializable("held_out")
class Blend(layers.Layer):
    """Feature by feature a weighted sum of what two submodels say."""

    def build(self, shapes):
        self.shares = self.add_weight(
            shape=(len(shapes), shapes[0][-1]),
            initializer="random_normal",
            constraint=ColumnsSumToOne(),
            name="shares",
        )

    def call(self, parts):
        return ops.einsum("pbf,pf->bf", ops.stack(list(parts)), self.shares)


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    experts = [layers.Dense(6, activation="gelu", name=f"expert_{i}")(inputs) for i in (1, 2)]
    model = keras.Model(inputs, layers.Dense(1)(Blend(name="blend")(experts)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
