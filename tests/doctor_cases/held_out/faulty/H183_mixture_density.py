# after https://github.com/keras-team/keras/issues/1061
import keras
import numpy as np
from keras import ops

DIM, COMPONENTS = 20, 5


@keras.saving.register_keras_serializable("density")
class Simplex(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.maximum(w, 1e-4)
        return w / ops.sum(w)


@keras.saving.register_keras_serializable("density")
class MixtureLogDensity(keras.layers.Layer):
    def build(self, input_shape):
        self.share = self.add_weight(
            name="share",
            shape=(COMPONENTS,),
            constraint=Simplex(),
            initializer=keras.initializers.Constant(1.0 / COMPONENTS),
        )
        self.mean = self.add_weight(
            name="mean",
            shape=(COMPONENTS, DIM),
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=1),
        )
        self.log_std = self.add_weight(name="log_std", shape=(COMPONENTS, DIM), initializer="zeros")

    def call(self, x):
        z = (x[:, None, :] - self.mean) * ops.exp(-self.log_std)
        norm = ops.sum(self.log_std, axis=-1) + 0.5 * DIM * float(np.log(2 * np.pi))
        density = ops.exp(-0.5 * ops.sum(z * z, axis=-1) - norm)
        likelihood = ops.sum(self.share * density, axis=-1, keepdims=True)
        return ops.log(likelihood + 1e-30)


def negative_log_likelihood(_, log_density):
    return -ops.mean(log_density, axis=-1)


def make_model():
    keras.utils.set_random_seed(8)
    x = keras.Input((DIM,), name="features")
    model = keras.Model(x, MixtureLogDensity(name="mixture")(x))
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss=negative_log_likelihood)
    return model


def make_batch():
    rng = np.random.default_rng(2)
    centre = rng.normal(size=(COMPONENTS, DIM)) * 6.0
    label = rng.choice(COMPONENTS, p=[0.35, 0.25, 0.2, 0.1, 0.1], size=512)
    x = centre[label] + rng.normal(size=(512, DIM)) * 0.7
    return x.astype("float32"), np.zeros((512, 1), "float32")
