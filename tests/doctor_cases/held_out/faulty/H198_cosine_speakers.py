"""Speaker identification with prototypes on the unit sphere."""

import keras
import numpy as np

N_SPEAKERS = 24


def make_model():
    keras.utils.set_random_seed(21)
    voice = keras.Input((40,), name="mfcc_mean")
    h = keras.layers.Dense(64, activation="relu", name="voice_1")(voice)
    h = keras.layers.Dense(32, name="voice_2")(h)
    h = keras.layers.UnitNormalization(name="embedding")(h)
    logits = keras.layers.Dense(
        N_SPEAKERS,
        use_bias=False,
        kernel_constraint=keras.constraints.UnitNorm(axis=0),
        name="prototypes",
    )(h)
    model = keras.Model(voice, logits, name="speaker_sphere")
    model.compile(
        optimizer=keras.optimizers.Adam(5e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def make_batch():
    rng = np.random.default_rng(5)
    y = np.arange(240) % N_SPEAKERS
    centres = rng.normal(size=(N_SPEAKERS, 40))
    x = centres[y] + 0.3 * rng.normal(size=(240, 40))
    return x.astype("float32"), y.astype("int32")
