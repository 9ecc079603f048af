# https://thinbug.com/q/48356029
import keras
import numpy as np
from keras import layers, ops


def f1_loss(y_true, y_pred):
    y_pred = ops.round(ops.clip(y_pred, 0, 1))
    tp = ops.sum(y_true * y_pred)
    fp = ops.sum((1 - y_true) * y_pred)
    fn = ops.sum(y_true * (1 - y_pred))
    precision = tp / (tp + fp + keras.backend.epsilon())
    recall = tp / (tp + fn + keras.backend.epsilon())
    f1 = 2 * precision * recall / (precision + recall + keras.backend.epsilon())
    return 1 - f1


def make_model():
    keras.utils.set_random_seed(35)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss=f1_loss)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(256, 8)).astype("float32")
    y = (x[:, 0] + 0.5 * x[:, 3] > 0.8).astype("float32")[:, None]
    return x, y
