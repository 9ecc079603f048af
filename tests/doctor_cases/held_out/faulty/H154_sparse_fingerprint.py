# after https://github.com/keras-team/keras-core/issues/437
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("fingerprint")
class KeepLargest(keras.constraints.Constraint):
    def __init__(self, k=5):
        self.k = k

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        size = ops.abs(w)
        smallest_kept = ops.sort(size, axis=0)[-self.k]
        return ops.where(size >= smallest_kept, w, ops.zeros_like(w))

    def get_config(self):
        return {"k": self.k}


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((60,)),
            layers.Dense(8, activation="tanh", kernel_constraint=KeepLargest(5), name="detectors"),
            layers.Dense(4, activation="softmax", name="substance"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.99),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def make_batch(seed=0):
    peaks = np.random.default_rng(321).normal(size=(4, 60))
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, size=1500)
    x = peaks[y] + 1.0 * rng.normal(size=(1500, 60))
    return x.astype("float32"), y.astype("int32")
