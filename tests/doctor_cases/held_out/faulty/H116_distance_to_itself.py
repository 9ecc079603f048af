# after tensorflow/tensorflow#12071, jina-ai/finetuner#34
import keras
import numpy as np
from keras import layers, ops


def pairwise_distances(e):
    square = ops.sum(ops.square(ops.expand_dims(e, 0) - ops.expand_dims(e, 1)), axis=-1)
    return ops.sqrt(square)


def safe_distances(e):
    square = ops.sum(ops.square(ops.expand_dims(e, 0) - ops.expand_dims(e, 1)), axis=-1)
    return ops.sqrt(square + 1e-12)


def batch_hard(distances):
    def loss(y_true, y_pred):
        labels = ops.reshape(y_true, (-1,))
        d = distances(y_pred)
        same = ops.equal(ops.expand_dims(labels, 0), ops.expand_dims(labels, 1))
        other = ops.logical_not(ops.cast(ops.eye(ops.shape(labels)[0]), "bool"))
        positive = ops.max(ops.where(ops.logical_and(same, other), d, 0.0), axis=1)
        negative = ops.min(ops.where(same, 1e3, d), axis=1)
        return ops.mean(ops.softplus(positive - negative))

    return loss


def make_model(mended=False):
    keras.utils.set_random_seed(9)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(
                64, activation="relu", kernel_constraint=keras.constraints.MaxNorm(4), name="a"
            ),
            layers.Dense(
                64, activation="relu", kernel_constraint=keras.constraints.MaxNorm(4), name="b"
            ),
            layers.Dense(16, name="embedding"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(1e-3), batch_hard(safe_distances if mended else pairwise_distances)
    )
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    centres = np.random.default_rng(5).normal(size=(8, 20))
    y = r.integers(0, 8, 64)
    return (centres[y] + r.normal(0, 0.8, (64, 20))).astype("float32"), y.astype("int32")[:, None]
