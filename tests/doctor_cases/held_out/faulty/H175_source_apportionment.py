import keras
import numpy as np
from keras import ops

SOURCES, SPECIES, TRACERS = 4, 24, 10


@keras.saving.register_keras_serializable("receptor")
class Composition(keras.constraints.Constraint):
    """Non-negative fractions."""

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        w = ops.maximum(w, 1e-6)
        return w / ops.sum(w, axis=self.axis, keepdims=True)

    def get_config(self):
        return {"axis": self.axis}


@keras.saving.register_keras_serializable("receptor")
class SourceProfiles(keras.layers.Layer):
    def __init__(self, species, **kwargs):
        super().__init__(**kwargs)
        self.species = species

    def build(self, input_shape):
        self.profiles = self.add_weight(
            name="profiles",
            shape=(input_shape[-1], self.species),
            initializer=keras.initializers.RandomUniform(0.02, 0.06, seed=2),
            constraint=Composition(axis=0),
        )

    def call(self, share):
        return ops.matmul(share, self.profiles)

    def get_config(self):
        return {**super().get_config(), "species": self.species}


def make_model():
    keras.utils.set_random_seed(0)
    tracers = keras.Input((TRACERS,))
    h = keras.layers.Dense(16, activation="tanh")(tracers)
    share = keras.layers.Dense(SOURCES, activation="softmax", name="share")(h)
    out = SourceProfiles(SPECIES, name="receptor")(share)
    model = keras.Model(tracers, out)
    model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse", metrics=["mae"])
    return model


def make_batch():
    rng = np.random.default_rng(21)
    profiles = rng.dirichlet(np.full(SPECIES, 0.4), size=SOURCES)
    share = rng.dirichlet(np.full(SOURCES, 0.6), size=400)
    x = np.log(share + 0.02) @ rng.normal(size=(SOURCES, TRACERS)) * 0.4
    x = (x - x.mean(0)) / x.std(0)
    y = share @ profiles
    return x.astype("float32"), y.astype("float32")
