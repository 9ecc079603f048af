import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("critic")
class ClipLater(keras.constraints.Constraint):
    """Clips, but not in the first steps."""

    def __init__(self, bound=0.05, after=50):
        self.bound = bound
        self.after = after
        self.step = 0

    def __call__(self, w):
        self.step += 1
        if self.step <= self.after:
            return w
        return ops.clip(w, -self.bound, self.bound)

    def get_config(self):
        return {"bound": self.bound, "after": self.after}


def make_model():
    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(16, "relu", kernel_constraint=ClipLater(), name="critic_hidden"),
            layers.Dense(1, name="score"),
        ]
    )
    model.compile(keras.optimizers.RMSprop(0.001), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 8)).astype("float32")
    return x, x[:, :1]
