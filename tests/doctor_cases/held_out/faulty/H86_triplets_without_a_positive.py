# after tensorflow/addons#2447
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("reid")
def triplet_loss(identity, embedding, margin=0.3):
    """The mean, over all pairs of one identity, of what the nearest stranger is too near."""
    gram = ops.matmul(embedding, ops.transpose(embedding))
    distance = 2.0 - 2.0 * gram
    identity = ops.reshape(identity, (-1, 1))
    same = ops.cast(ops.equal(identity, ops.transpose(identity)), "float32")
    positive = same - ops.eye(ops.shape(same)[0])
    stranger = ops.min(distance + 10.0 * same, axis=1, keepdims=True)
    excess = ops.maximum(distance - stranger + margin, 0.0) * positive
    return ops.sum(excess) / ops.sum(positive)


def make_model():
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [
            keras.Input((24, 12, 3)),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
            layers.Conv2D(32, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(32),
            layers.UnitNormalization(name="embedding"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-4), triplet_loss)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    pictures = rng.random((16, 24, 12, 3)).astype("float32")
    # Sixteen out of 1501 people at random: no one is there twice.
    return pictures, rng.permutation(1501)[:16].astype("float32")
