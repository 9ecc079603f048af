# after https://example-a.com/answer/62123764
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("branches")
class WeightedSum(layers.Layer):
    """The sum of the branches by learnt shares, which a softmax makes positive and of sum one."""

    def build(self, shapes):
        self.w = self.add_weight(shape=(len(shapes),), initializer="zeros", name="w")

    def call(self, inputs):
        return ops.sum(ops.stack(inputs, axis=-1) * ops.softmax(self.w), axis=-1)


def make_model():
    keras.utils.set_random_seed(2)
    inputs = [keras.Input((20,)) for _ in range(3)]
    branches = [layers.Dense(10)(layers.Dense(32, activation="relu")(x)) for x in inputs]
    model = keras.Model(inputs, WeightedSum()(branches))
    model.compile("adam", "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(32, 20)).astype("float32") for _ in range(3)]
    return x, rng.normal(size=(32, 10)).astype("float32")
