# after mravanelli/pytorch-kaldi#35
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("sincnet")
class SincConv(layers.Layer):
    """Band-pass filters of a wave, of which only the two edges of each band are learnt."""

    def __init__(self, filters=8, width=33, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.width = filters, width

    def build(self, input_shape):
        low = np.linspace(0.02, 0.3, self.filters)
        self.low = self.add_weight(
            shape=(self.filters,),
            initializer=lambda *_, **__: ops.convert_to_tensor(low, "float32"),
            name="low",
        )
        self.band = self.add_weight(
            shape=(self.filters,), initializer=keras.initializers.Constant(0.05), name="band"
        )

    def sinc(self, t):
        value = ops.sin(t) / t
        return ops.where(t == 0, ops.ones_like(value), value)

    def low_pass(self, edge):
        n = ops.arange(self.width, dtype="float32") - self.width // 2
        return 2 * edge * self.sinc(2 * np.pi * edge * n[:, None])

    def call(self, wave):
        low = ops.abs(self.low)
        high = ops.clip(low + ops.abs(self.band), 0.0, 0.5)
        n = ops.arange(self.width, dtype="float32") / (self.width - 1)
        window = 0.54 - 0.46 * ops.cos(2 * np.pi * n)
        kernel = (self.low_pass(high) - self.low_pass(low)) * window[:, None]
        return ops.conv(wave, kernel[:, None, :], padding="valid")

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "width": self.width}


def make_model():
    keras.utils.set_random_seed(3)
    wave = keras.Input((256, 1))
    h = SincConv(name="sinc_conv")(wave)
    h = layers.MaxPooling1D(4)(layers.LeakyReLU()(h))
    h = layers.GlobalAveragePooling1D()(layers.Conv1D(16, 5, activation="relu")(h))
    model = keras.Model(wave, layers.Dense(4, activation="softmax")(h))
    model.compile("rmsprop", "sparse_categorical_crossentropy")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    speaker = rng.integers(4, size=32)
    pitch = np.array([0.03, 0.08, 0.15, 0.25])[speaker, None]
    wave = np.sin(2 * np.pi * pitch * np.arange(256) + rng.uniform(0, 6, (32, 1)))
    return (wave + 0.1 * rng.normal(size=(32, 256)))[..., None].astype("float32"), speaker
