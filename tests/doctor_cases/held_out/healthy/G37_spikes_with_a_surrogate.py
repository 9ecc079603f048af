# after https://arxiv.org/abs/1901.09948
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("spikes")
class Spiking(layers.Layer):
    """Leaky integration and a spike at one, whose gradient is that of a sigmoid."""

    def __init__(self, decay=0.9, **kwargs):
        super().__init__(**kwargs)
        self.decay = decay

    def call(self, current):
        charge = ops.zeros_like(current[:, 0])
        spikes = []
        for step in range(current.shape[1]):
            charge = self.decay * charge + current[:, step]
            soft = ops.sigmoid(5.0 * (charge - 1.0))
            hard = ops.cast(charge > 1.0, soft.dtype)
            spike = soft + ops.stop_gradient(hard - soft)
            spikes.append(spike)
            charge = charge - ops.stop_gradient(spike)
        return ops.stack(spikes, axis=1)

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "decay": self.decay}


def make_model():
    keras.utils.set_random_seed(9)
    x = keras.Input((16, 20))
    h = Spiking()(layers.Dense(48)(x))
    h = layers.GlobalAveragePooling1D()(Spiking()(layers.Dense(24)(h)))
    model = keras.Model(x, layers.Dense(4, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(4, size=48)
    rate = 0.1 + 0.6 * np.repeat(np.eye(4), 5, axis=1)[label]
    return (rng.random((48, 16, 20)) < rate[:, None]).astype("float32"), label
