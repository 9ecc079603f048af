import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("assay")
class DoseResponse(keras.layers.Layer):
    """Four parameter logistic curve, one per compound."""

    def __init__(self, compounds, **kwargs):
        super().__init__(**kwargs)
        self.compounds = compounds

    def build(self, input_shape):
        positive = keras.constraints.NonNeg()
        const = keras.initializers.Constant
        shape = (self.compounds,)
        self.top = self.add_weight(name="top", shape=shape, initializer=const(1.0))
        self.bottom = self.add_weight(
            name="bottom", shape=shape, initializer="zeros", constraint=positive
        )
        self.slope = self.add_weight(
            name="slope", shape=shape, initializer=const(1.0), constraint=positive
        )
        self.log_ec50 = self.add_weight(name="log_ec50", shape=shape, initializer="zeros")

    def call(self, inputs):
        compound, dose = inputs

        def of(w):
            return ops.take(w, compound, axis=0)

        bound = ops.sigmoid(of(self.slope) * (ops.log(dose) - of(self.log_ec50)))
        bottom = of(self.bottom)
        return (bottom + (of(self.top) - bottom) * bound)[:, None]

    def get_config(self):
        return {**super().get_config(), "compounds": self.compounds}


def make_model():
    keras.utils.set_random_seed(6)
    compound = keras.Input((), dtype="int32", name="compound")
    dose = keras.Input((), name="dose_uM")
    out = DoseResponse(6, name="curve")([compound, dose])
    model = keras.Model({"compound": compound, "dose_uM": dose}, out)
    model.compile(optimizer=keras.optimizers.Adam(0.03), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(10)
    plate = np.array([0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0])
    compound = np.repeat(np.arange(6), 60).astype("int32")
    dose = np.tile(np.repeat(plate, 6), 6)
    ec50 = np.array([0.2, 0.5, 1.0, 3.0, 8.0, 20.0])[compound]
    slope = np.array([0.8, 1.0, 1.5, 2.0, 1.2, 0.9])[compound]
    top = np.array([1.2, 0.9, 1.0, 1.4, 0.8, 1.1])[compound]
    y = 0.1 + (top - 0.1) * dose**slope / (dose**slope + ec50**slope)
    y = y + 0.03 * rng.normal(size=y.shape)
    x = {"compound": compound, "dose_uM": dose.astype("float32")}
    return x, y.astype("float32")[:, None]
