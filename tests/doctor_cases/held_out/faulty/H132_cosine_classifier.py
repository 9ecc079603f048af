# after happynear/NormFace#14, KevinMusgrave/pytorch-metric-learning#186
import keras
import numpy as np
from keras import layers

CLASSES = 20


def make_model():
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            keras.Input((32,)),
            layers.Dense(64, activation="relu", name="trunk"),
            layers.Dense(32, name="feature"),
            layers.UnitNormalization(name="unit_feature"),
            layers.Dense(
                CLASSES,
                use_bias=False,
                kernel_constraint=keras.constraints.UnitNorm(axis=0),
                name="class_vectors",
            ),
            layers.Softmax(),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def make_batch(seed=0):
    world = np.random.default_rng(103)
    centre = world.normal(size=(CLASSES, 32))
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, 400)
    x = centre[y] + 0.4 * rng.normal(size=(400, 32))
    return x.astype("float32"), y.astype("int32")
