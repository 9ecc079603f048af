"""Mixture of experts for demand at four kinds of stores."""

import keras
import numpy as np
from keras import layers, ops


class ExpertBank:
    def __init__(self, n, hidden):
        self.hidden = [
            layers.Dense(
                hidden,
                activation="relu",
                kernel_constraint=keras.constraints.MaxNorm(2.0),
                name=f"e{i}_h",
            )
            for i in range(n)
        ]
        self.out = [layers.Dense(1, name=f"e{i}_o") for i in range(n)]

    def create(self, shape):
        for h, o in zip(self.hidden, self.out, strict=False):
            h.build(shape)
            o.build((shape[0], h.units))

    def __call__(self, x):
        return ops.concatenate(
            [o(h(x)) for h, o in zip(self.hidden, self.out, strict=False)], axis=-1
        )


@keras.saving.register_keras_serializable("stores")
class MixtureOfExperts(layers.Layer):
    def __init__(self, n_experts=4, hidden=8, **kw):
        super().__init__(**kw)
        self.n_experts, self.hidden = n_experts, hidden
        self.bank = ExpertBank(n_experts, hidden)
        self.gate = layers.Dense(n_experts, activation="softmax", name="gate")

    def build(self, input_shape):
        self.bank.create(input_shape)
        self.gate.build(input_shape)

    def call(self, x):
        return ops.sum(self.bank(x) * self.gate(x), axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1)

    def get_config(self):
        return {**super().get_config(), "n_experts": self.n_experts, "hidden": self.hidden}


def make_model():
    keras.utils.set_random_seed(0)
    inp = keras.Input((6,))
    out = MixtureOfExperts(name="moe")(inp)
    model = keras.Model(inp, out)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return model


def make_batch(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    kind = (x[:, 0] > 0) * 2 + (x[:, 1] > 0)
    beta = rng.normal(size=(4, 6))
    y = (x * beta[kind]).sum(1) + 0.1 * rng.normal(size=n)
    return x.astype("float32"), y.astype("float32")[:, None]
