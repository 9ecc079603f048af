# after https://github.com/prateekbhustali/Physics-Informed-Neural-Networks/issues/1
"""Non-linear diffusion u_t = d0 * (u^1.2)_xx: a network for u(x, t), and the coefficient d0."""

import keras
import numpy as np
from keras import layers, ops

H = 0.05


@keras.saving.register_keras_serializable("pde")
class DiffusionNet(keras.Model):
    def __init__(self, **kw):
        super().__init__(**kw)
        self.net = keras.Sequential(
            [
                layers.Dense(24, activation="tanh"),
                layers.Dense(24, activation="tanh"),
                layers.Dense(1),
            ],
            name="u",
        )

    def build(self, shape):
        self.net.build(shape)
        self.d0 = self.add_weight(
            name="d0",
            shape=(),
            initializer=keras.initializers.Constant(0.05),
            constraint=keras.constraints.NonNeg(),
        )
        self.built = True

    def call(self, xt):
        x, t = xt[:, :1], xt[:, 1:]

        def u(a, b):
            return self.net(ops.concatenate([a, b], axis=1))

        def phi(a, b):
            return self.d0 * u(a, b) ** 1.2

        u_t = (u(x, t + H) - u(x, t - H)) / (2 * H)
        phi_xx = (phi(x + H, t) - 2.0 * phi(x, t) + phi(x - H, t)) / H**2
        return ops.concatenate([u(x, t), u_t - phi_xx], axis=1)


def make_model():
    keras.utils.set_random_seed(0)
    model = DiffusionNet()
    model.build((None, 2))
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse")
    return model


def make_batch():
    nx, d0 = 101, 0.1
    xs = np.linspace(-1, 1, nx)
    u = np.exp(-(xs**2) / 0.1) + 0.02
    dx, dt = xs[1] - xs[0], 5e-4
    frames, ts = [u.copy()], [0.0]
    for k in range(1, 2001):
        p = u**1.2
        u = u + dt * d0 * np.gradient(np.gradient(p, dx), dx)
        if k % 50 == 0:
            frames.append(u.copy())
            ts.append(k * dt)
    rng = np.random.default_rng(0)
    i = rng.integers(0, len(ts), 2000)
    j = rng.integers(5, nx - 5, 2000)
    x = np.stack([xs[j], np.array(ts)[i]], 1).astype("float32")
    y = np.stack([np.array(frames)[i, j], np.zeros(2000)], 1).astype("float32")
    return x, y
