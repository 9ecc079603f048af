# after https://keras.io/examples/vision/retinanet/
import keras
import numpy as np
from keras import layers, ops

CLASSES, CELLS = 3, 8


@keras.saving.register_keras_serializable("G151")
def detection_loss(y_true, y_pred):
    """Focal for classes, Huber for boxes; cells of class -2 are ignored, of -1 background."""
    label = y_true[..., 4]
    wanted = ops.one_hot(ops.cast(label, "int32"), CLASSES)
    logits = y_pred[..., 4:]
    entropy = ops.maximum(logits, 0) - logits * wanted + ops.log1p(ops.exp(-ops.abs(logits)))
    right = ops.where(wanted == 1.0, ops.sigmoid(logits), 1.0 - ops.sigmoid(logits))
    weight = ops.where(wanted == 1.0, 0.25, 0.75) * (1.0 - right) ** 2
    classes = ops.where(label == -2.0, 0.0, ops.sum(weight * entropy, axis=-1))
    apart = ops.abs(y_true[..., :4] - y_pred[..., :4])
    boxes = ops.sum(ops.where(apart < 1.0, 0.5 * apart**2, apart - 0.5), axis=-1)
    found = ops.cast(label > -1.0, "float32")
    total = ops.sum(classes, axis=-1) + ops.sum(boxes * found, axis=-1)
    return total / ops.maximum(ops.sum(found, axis=-1), 1.0)


def head(units, bias, name):
    small = keras.initializers.RandomNormal(0.0, 0.01)
    parts = [keras.Input((CELLS, CELLS, 16))]
    for _ in range(2):
        parts += [layers.Conv2D(16, 3, padding="same", kernel_initializer=small), layers.ReLU()]
    last = layers.Conv2D(units, 3, padding="same", kernel_initializer=small, bias_initializer=bias)
    return keras.Sequential([*parts, last, layers.Reshape((-1, units))], name=name)


def make_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((4 * CELLS, 4 * CELLS, 3))
    x = image
    for _ in range(2):
        x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
    rare = keras.initializers.Constant(float(-np.log((1 - 0.01) / 0.01)))
    classes, boxes = head(CLASSES, rare, "classes")(x), head(4, "zeros", "boxes")(x)
    model = keras.Model(image, layers.Concatenate(axis=-1)([boxes, classes]))
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), detection_loss)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = 0.1 * rng.random((16, 4 * CELLS, 4 * CELLS, 3))
    y = np.zeros((16, CELLS, CELLS, 5))
    y[..., 4] = -1.0
    for k in range(16):
        i, j = rng.integers(1, CELLS - 1, 2)
        label = rng.integers(0, CLASSES)
        x[k, 4 * i - 3 : 4 * i + 6, 4 * j - 3 : 4 * j + 6, label] += 1
        y[k, i - 1 : i + 2, j - 1 : j + 2, 4] = -2.0
        y[k, i, j] = [0.3, -0.2, 0.5, 0.4, label]
    return x.astype("float32"), y.reshape(16, -1, 5).astype("float32")
