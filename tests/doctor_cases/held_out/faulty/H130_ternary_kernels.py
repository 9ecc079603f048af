# after https://datascience.stackexchange.com/questions/14533/how-to-quantize-weights-in-forward-p
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("cases")
class Ternary(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(ops.round(w), -1.0, 1.0)


def make_model():
    keras.utils.set_random_seed(5)

    def init(s):
        return keras.initializers.RandomUniform(-1.2, 1.2, seed=s)

    model = keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(
                16,
                activation="relu",
                kernel_initializer=init(1),
                kernel_constraint=Ternary(),
                name="hidden",
            ),
            layers.Dense(3, kernel_initializer=init(2), kernel_constraint=Ternary(), name="logits"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.005),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def make_batch(seed=0):
    world = np.random.default_rng(102)
    centre = 1.5 * world.normal(size=(3, 10))
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, 256)
    x = centre[y] + rng.normal(size=(256, 10))
    return x.astype("float32"), y.astype("int32")
