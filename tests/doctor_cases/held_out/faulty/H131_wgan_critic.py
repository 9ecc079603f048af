# after eriklindernoren/Keras-GAN#136, bstriner/keras-adversarial#26
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("cases")
class ClipWeights(keras.constraints.Constraint):
    def __init__(self, c=0.1):
        self.c = c

    def __call__(self, w):
        return ops.clip(w, -self.c, self.c)

    def get_config(self):
        return {"c": self.c}


@keras.saving.register_keras_serializable("cases")
def wasserstein_loss(y_true, y_pred):
    return ops.mean(y_true * y_pred)


def make_model():
    keras.utils.set_random_seed(6)

    def clip():
        return ClipWeights(0.1)

    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(32, kernel_constraint=clip(), bias_constraint=clip(), name="critic_1"),
            layers.LeakyReLU(0.2),
            layers.Dense(1, kernel_constraint=clip(), bias_constraint=clip(), name="critic_out"),
        ]
    )
    model.compile(keras.optimizers.RMSprop(0.005), wasserstein_loss)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    real = rng.uniform(0.4, 0.8, size=(128, 20))
    fake = rng.uniform(0.4, 0.8, size=(128, 20))
    real[:, ::2] += 0.2
    fake[:, 1::2] += 0.2
    x = np.concatenate([real, fake]).astype("float32")
    y = np.concatenate([np.ones((128, 1)), np.zeros((128, 1))]).astype("float32")
    order = rng.permutation(256)
    return x[order], y[order]
