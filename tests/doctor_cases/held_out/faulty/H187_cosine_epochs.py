# after https://github.com/tensorflow/tensorflow/issues/46071
import keras
import numpy as np

EPOCHS = 40


def make_model():
    keras.utils.set_random_seed(16)
    signal = keras.Input((64, 2), name="accelerometer")
    h = keras.layers.Conv1D(
        16,
        7,
        padding="same",
        activation="relu",
        kernel_constraint=keras.constraints.UnitNorm(axis=[0, 1]),
    )(signal)
    h = keras.layers.MaxPooling1D(4)(h)
    h = keras.layers.Conv1D(
        16,
        5,
        padding="same",
        activation="relu",
        kernel_constraint=keras.constraints.UnitNorm(axis=[0, 1]),
    )(h)
    h = keras.layers.GlobalAveragePooling1D()(h)
    p = keras.layers.Dense(4, activation="softmax")(h)
    model = keras.Model(signal, p)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=1.5e-3, decay_steps=EPOCHS
    )
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def make_batch():
    rng = np.random.default_rng(27)
    label = rng.integers(0, 4, size=512)
    t = np.arange(64) / 64.0
    freq = np.array([3.0, 5.0, 8.0, 12.0])[label][:, None]
    phase = rng.uniform(0, 2 * np.pi, size=(512, 1))
    wave = np.sin(2 * np.pi * freq * t + phase)
    x = np.stack([wave, np.roll(wave, 2, axis=1)], axis=-1)
    x = x + 0.5 * rng.normal(size=x.shape)
    return x.astype("float32"), label.astype("int32")
