# after https://procomputingproducts.co.uk/post/custom-parametric-activation-function-leading-to-na-n-loss
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("device")
class TransferCurve(layers.Layer):
    """The measured curve of a device: gain * log(1 + exp(slope * (x - onset)))."""

    def build(self, input_shape):
        ones = keras.initializers.Ones()
        self.slope = self.add_weight(shape=(1,), initializer=ones, name="slope")
        self.onset = self.add_weight(shape=(1,), initializer="zeros", name="onset")
        self.gain = self.add_weight(shape=(1,), initializer=ones, name="gain")

    def call(self, x):
        return self.gain * ops.log(1 + ops.exp(self.slope * (x - self.onset)))


def make_model():
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    h = TransferCurve(name="curve_1")(layers.Dense(24)(x))
    h = TransferCurve(name="curve_2")(layers.Dense(24)(h))
    model = keras.Model(x, layers.Dense(3, activation="softmax")(h))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(3, size=64)
    millivolts = 60.0 * rng.normal(size=(64, 6)) + 40.0 * label[:, None]
    return millivolts.astype("float32"), label
