# a scenario
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("clipcritic")
class Clip(keras.constraints.Constraint):
    def __init__(self, c=0.1):
        self.c = c

    def __call__(self, w):
        return ops.clip(ops.convert_to_tensor(w), -self.c, self.c)

    def get_config(self):
        return {"c": self.c}


@keras.saving.register_keras_serializable("clipcritic")
def critic_loss(y_true, y_pred):
    return ops.mean(ops.cast(y_true, y_pred.dtype) * y_pred)


def make_model():
    keras.utils.set_random_seed(0)
    start = keras.initializers.RandomUniform(-0.1, 0.1)
    critic = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(
                64,
                activation="relu",
                kernel_initializer=start,
                kernel_constraint=Clip(),
                bias_constraint=Clip(),
                name="critic_1",
            ),
            layers.Dense(
                64,
                activation="relu",
                kernel_initializer=start,
                kernel_constraint=Clip(),
                bias_constraint=Clip(),
                name="critic_2",
            ),
            layers.Dense(
                1,
                kernel_initializer=start,
                kernel_constraint=Clip(),
                bias_constraint=Clip(),
                name="score",
            ),
        ]
    )
    critic.compile(optimizer=keras.optimizers.RMSprop(0.001), loss=critic_loss)
    return critic


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(700, 6)) + np.array([1.5, -1, 0, 0, 0.5, 0])
    fake = rng.normal(size=(700, 6))
    y = np.concatenate([-np.ones((700, 1)), np.ones((700, 1))])
    p = rng.permutation(1400)
    return np.concatenate([real, fake])[p].astype("float32"), y[p].astype("float32")
