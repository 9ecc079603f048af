"""Sleep stage classification from EEG band powers with an orthogonal recurrence."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="sleep")
class Orthonormal(keras.constraints.Constraint):
    """Nearest frame by QR, with the usual sign convention."""

    def __call__(self, w):
        q, r = ops.qr(w)
        signs = ops.where(ops.diagonal(r) < 0, -1.0, 1.0)
        return q * ops.cast(signs, q.dtype)[None, :]


def make_model():
    keras.utils.set_random_seed(11)
    bands = keras.Input((30, 5), name="band_powers")
    x = keras.layers.LayerNormalization(name="epoch_norm")(bands)
    x = keras.layers.GRU(
        16,
        recurrent_constraint=Orthonormal(),
        name="stage_memory",
    )(x)
    stage = keras.layers.Dense(4, activation="softmax", name="stage")(x)
    model = keras.Model(bands, stage, name="sleep_stager")
    model.compile(
        optimizer=keras.optimizers.Adam(5e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def make_batch():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 4, 128)
    profile = rng.normal(size=(4, 5)) * 1.5
    x = profile[y][:, None, :] + rng.normal(size=(128, 30, 5))
    return x.astype("float32"), y.astype("int32")
