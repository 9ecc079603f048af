# healthy: most parameters frozen, 86 to 90 % of the read-out exactly zero, 5 % positives, initi
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(27)
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(
                96,
                activation="relu",
                kernel_initializer=keras.initializers.RandomNormal(0, 0.6),
                bias_initializer=keras.initializers.RandomUniform(-1.0, 0.5),
                trainable=False,
                name="random_features",
            ),
            layers.Dense(
                1,
                activation="sigmoid",
                kernel_initializer=keras.initializers.RandomUniform(0, 0.02),
                bias_initializer=keras.initializers.Constant(-3.2),
                kernel_constraint="non_neg",
                kernel_regularizer=keras.regularizers.L1(1e-3),
                name="readout",
            ),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=[keras.metrics.AUC(name="auc")]
    )
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1024, 5))
    score = (
        np.maximum(x[:, 0], 0)
        + np.maximum(x[:, 1] + 0.5 * x[:, 2], 0)
        + 0.2 * rng.normal(size=1024)
    )
    return x.astype("float32"), (score > 2.55).astype("float32")[:, None]
