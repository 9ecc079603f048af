"""Fine tuning after magnitude pruning. 80 % of the connections were cut and
they have to stay cut, the chip has no room for them."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("edge")
class KeepPruned(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        alive = ops.cast(ops.not_equal(w, 0.0), w.dtype)
        return w * alive


def prune(layer, ratio):
    w = np.asarray(keras.ops.convert_to_numpy(layer.kernel))
    cut = np.quantile(np.abs(w), ratio)
    layer.kernel.assign(np.where(np.abs(w) < cut, 0.0, w))


def make_model():
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            keras.Input((30,)),
            layers.Dense(64, activation="relu", kernel_constraint=KeepPruned(), name="fc1"),
            layers.Dense(32, activation="relu", kernel_constraint=KeepPruned(), name="fc2"),
            layers.Dense(3, activation="softmax", name="head"),
        ]
    )
    prune(model.get_layer("fc1"), 0.8)
    prune(model.get_layer("fc2"), 0.8)
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def make_batch(n=1200, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(3, 30)) * 0.7
    y = rng.integers(0, 3, n)
    x = centres[y] + rng.normal(size=(n, 30))
    return x.astype("float32"), y.astype("int32")
