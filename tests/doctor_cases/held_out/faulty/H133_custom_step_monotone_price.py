# after tensorflow/tensorflow#28901, keras-team/keras#14627
import keras
import numpy as np
from keras import layers, ops

BACKEND = keras.backend.backend()


def squared_error(y, y_pred):
    return ops.mean(ops.square(ops.subtract(y, y_pred)))


@keras.saving.register_keras_serializable("cases")
class PriceModel(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)

        def positive():
            return keras.initializers.RandomUniform(0.0, 0.3)

        self.hidden = layers.Dense(
            16, activation="tanh", kernel_initializer=positive(), kernel_constraint="non_neg"
        )
        self.price = layers.Dense(1, kernel_initializer=positive(), kernel_constraint="non_neg")

    def call(self, x, training=False):
        return self.price(self.hidden(x))

    def train_step(self, *args):
        *state, data = args
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        if BACKEND == "jax":
            import jax

            tv, ntv, ov, mv = state[0]

            def loss_fn(tv, ntv):
                y_pred, ntv = self.stateless_call(tv, ntv, x, training=True)
                return squared_error(y, y_pred), ntv

            (loss, ntv), grads = jax.value_and_grad(loss_fn, has_aux=True)(tv, ntv)
            tv, ov = self.optimizer.stateless_apply(ov, grads, tv)
            return {"squared_error": loss}, (tv, ntv, ov, mv)
        if BACKEND == "torch":
            import torch

            self.zero_grad()
            loss = squared_error(y, self(x, training=True))
            loss.backward()
            with torch.no_grad():
                self.optimizer.apply(
                    [v.value.grad for v in self.trainable_weights], self.trainable_weights
                )
            return {"squared_error": loss.detach()}
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = squared_error(y, self(x, training=True))
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        return {"squared_error": loss}


def make_model():
    keras.utils.set_random_seed(8)
    model = PriceModel()
    model(np.zeros((1, 5), "float32"))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(128, 5)).astype("float32")
    y = 2.0 * np.tanh(x[:, 0] + x[:, 1]) + x[:, 2] + 0.5 * x[:, 3] + 0.05 * rng.normal(size=128)
    return x, y.astype("float32")
