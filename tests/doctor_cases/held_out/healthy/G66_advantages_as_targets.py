import keras
import numpy as np
from keras import layers, ops


def actor_loss(y, p):
    action, adv = ops.cast(y[:, 0], "int32"), y[:, 1]
    prob = ops.sum(p * ops.one_hot(action, 3), axis=1)
    return ops.mean(-ops.log(ops.clip(prob, 1e-7, 1.0)) * adv)


def make_model():
    keras.utils.set_random_seed(1)
    i = keras.Input((4,))
    h = layers.Dense(128, activation="relu")(i)
    a = layers.Dense(3, activation="softmax", name="actor")(h)
    c = layers.Dense(1, name="critic")(h)
    m = keras.Model(i, {"actor": a, "critic": c})
    m.compile(keras.optimizers.Adam(0.003), {"actor": actor_loss, "critic": keras.losses.Huber()})
    return m


def make_batch():
    r = np.random.default_rng(0)
    s = r.normal(size=(256, 4)).astype("float32")
    k = r.integers(0, 3, 256)
    best = np.argmax(s @ r.normal(size=(4, 3)), 1)
    adv = np.where(k == best, 1.0, 0.2)
    v = s[:, 0] + 0.5 * s[:, 1] ** 2
    return s, {
        "actor": np.stack([k, adv], 1).astype("float32"),
        "critic": v.astype("float32")[:, None],
    }
