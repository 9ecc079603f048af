# after https://github.com/rotmanfinhub/deep-macrofin/issues/35
import keras
import numpy as np
from keras import ops


class TaskBalance(keras.layers.Layer):
    def build(self, input_shape):
        self.task_weight = self.add_weight(
            shape=(2,),
            name="task_weight",
            initializer="ones",
            constraint=keras.constraints.NonNeg(),
        )

    def call(self, errors):
        return ops.sum(self.task_weight * errors)


class TwoTasks(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.trunk = keras.layers.Dense(
            32, activation="tanh", name="trunk", kernel_constraint=keras.constraints.MaxNorm(4.0)
        )
        self.head_flow = keras.layers.Dense(1, name="flow")
        self.head_heat = keras.layers.Dense(1, name="heat")
        self.balance = TaskBalance(name="balance")

    def call(self, x):
        h = self.trunk(x)
        return ops.concatenate([self.head_flow(h), self.head_heat(h)], axis=-1)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        errors = ops.mean(ops.square(y - y_pred), axis=0)
        return self.balance(errors)


def make_model():
    keras.utils.set_random_seed(12)
    model = TwoTasks(name="two_tasks")
    model.build((None, 5))
    model.balance.build((2,))
    model.compile(keras.optimizers.Adam(0.01), metrics=["mse"])
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(1200, 5)).astype("float32")
    y = np.stack([np.sin(2 * x[:, 0]) + 0.5 * x[:, 1], x[:, 2] * x[:, 3]], axis=1)
    return x, y.astype("float32")
