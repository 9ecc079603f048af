# after https://arxiv.org/abs/2212.00270, https://stats.stackexchange.com/questions/493558
import keras
import numpy as np
import torch
from keras import layers, ops


class Pinn(keras.Model):
    """-u'' = f on (0, 1), u(0) = u(1) = 0; the y of a batch is f."""

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.body = keras.Sequential(
            [
                keras.Input((1,)),
                layers.Dense(32, activation=activation, name="d1"),
                layers.Dense(32, activation=activation, name="d2"),
                layers.Dense(32, activation=activation, name="d3"),
                layers.Dense(1, name="u"),
            ]
        )

    def call(self, x):
        return self.body(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        with torch.enable_grad():
            t = ops.convert_to_tensor(x).detach().requires_grad_(True)
            u = self.body(t)
            du = torch.autograd.grad(u.sum(), t, create_graph=True)[0]
            ddu = torch.autograd.grad(du.sum(), t, create_graph=True, allow_unused=True)[0]
            ddu = torch.zeros_like(t) if ddu is None else ddu
            residual = ops.mean(ops.square(-ddu - y))
            edges = self.body(ops.convert_to_tensor([[0.0], [1.0]]))
            loss = residual + 10 * ops.mean(ops.square(edges))
            return loss if training else loss.detach()


def make_model(mended=False):
    keras.utils.set_random_seed(11)
    model = Pinn("tanh" if mended else "relu")
    model.build((None, 1))
    model.compile(keras.optimizers.Adam(3e-3))
    return model


def make_batch(seed=0):
    x = np.linspace(0, 1, 64)[:, None]
    return x.astype("float32"), (np.pi**2 * np.sin(np.pi * x)).astype("float32")
