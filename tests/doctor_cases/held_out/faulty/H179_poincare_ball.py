# after https://github.com/facebookresearch/poincare-embeddings/issues/41
import keras
import numpy as np
from keras import ops

NODES = 63


@keras.saving.register_keras_serializable("hyperbolic")
class InsideBall(keras.constraints.Constraint):
    """Pull every row that left the unit ball back."""

    def __call__(self, w):
        norm = ops.sqrt(ops.sum(ops.square(w), axis=1, keepdims=True))
        return w / ops.maximum(norm, 1.0)


@keras.saving.register_keras_serializable("hyperbolic")
class PoincareDistance(keras.layers.Layer):
    def call(self, pair):
        u, v = pair
        gap = ops.sum(ops.square(u - v), axis=-1, keepdims=True)
        room_u = 1.0 - ops.sum(ops.square(u), axis=-1, keepdims=True)
        room_v = 1.0 - ops.sum(ops.square(v), axis=-1, keepdims=True)
        z = 2.0 * gap / (room_u * room_v) + 1e-5
        return ops.log(1.0 + z + ops.sqrt(z * (z + 2.0)))


@keras.saving.register_keras_serializable("hyperbolic")
class FermiDirac(keras.layers.Layer):
    def build(self, input_shape):
        self.radius = self.add_weight(name="radius", shape=(), initializer="ones")

    def call(self, d):
        return 2.0 * (self.radius - d)


def make_model():
    keras.utils.set_random_seed(9)
    a = keras.Input((), dtype="int32", name="node")
    b = keras.Input((), dtype="int32", name="other")
    ball = keras.layers.Embedding(
        NODES,
        3,
        embeddings_initializer=keras.initializers.RandomUniform(-0.3, 0.3, seed=3),
        embeddings_constraint=InsideBall(),
        name="ball",
    )
    p = FermiDirac(name="link")(PoincareDistance(name="distance")([ball(a), ball(b)]))
    model = keras.Model({"node": a, "other": b}, p)
    model.compile(
        optimizer=keras.optimizers.Adam(0.05),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    return model


def make_batch():
    rng = np.random.default_rng(5)
    child = np.arange(1, NODES)
    parent = (child - 1) // 2
    pos = np.stack([child, parent], 1)
    pos = np.concatenate([pos, pos, pos])
    neg = rng.integers(0, NODES, size=(900, 2))
    tree = {(c, p) for c, p in zip(child, parent, strict=True)}
    neg = np.array(
        [(i, j) for i, j in neg if i != j and (i, j) not in tree and (j, i) not in tree]
    )[:326]
    pairs = np.concatenate([pos, neg])
    y = np.r_[np.ones(len(pos)), np.zeros(len(neg))]
    order = rng.permutation(len(pairs))
    pairs, y = pairs[order].astype("int32"), y[order].astype("float32")
    return {"node": pairs[:, 0], "other": pairs[:, 1]}, y[:, None]
