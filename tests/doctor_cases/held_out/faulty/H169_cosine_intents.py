# after https://github.com/KevinMusgrave/pytorch-metric-learning/issues/186
import keras
import numpy as np

CLASSES, DIM = 40, 24


def make_model():
    keras.utils.set_random_seed(10)
    inp = keras.Input((DIM,), name="sentence_vector")
    h = keras.layers.Dense(64, activation="relu", name="encoder")(inp)
    h = keras.layers.Dense(32, name="project")(h)
    h = keras.layers.UnitNormalization(name="unit_length")(h)
    prob = keras.layers.Dense(
        CLASSES,
        use_bias=False,
        activation="softmax",
        kernel_constraint=keras.constraints.UnitNorm(axis=0),
        name="class_vectors",
    )(h)
    model = keras.Model(inp, prob)
    model.compile(
        keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    centre = np.random.default_rng(21).normal(size=(CLASSES, DIM))
    y = r.integers(0, CLASSES, size=2000)
    x = centre[y] + 0.4 * r.normal(size=(2000, DIM))
    return x.astype("float32"), y.astype("int32")
