# after https://arxiv.org/abs/1703.01780: weight-averaged teachers
import keras
import numpy as np
from keras import layers, ops


def network(name):
    hidden = layers.Dense(32, activation="relu")
    return keras.Sequential(
        [keras.Input((10,)), hidden, layers.Dropout(0.3), layers.Dense(3)], name=name
    )


class MeanTeacher(keras.Model):
    """A student that is to agree with the average of its weights, which only training asks for."""

    def __init__(self, decay=0.95, **kwargs):
        super().__init__(**kwargs)
        self.decay = decay
        self.student, self.teacher = network("student"), network("teacher")
        self.teacher.set_weights(self.student.get_weights())
        self.teacher.trainable = False

    def call(self, x, training=None):
        logits = self.student(x, training=training)
        if training:
            pairs = zip(self.student.trainable_weights, self.averages(), strict=True)
            for weight, average in pairs:
                average.assign(self.decay * average + (1 - self.decay) * weight)
            believed = ops.softmax(self.teacher(x, training=False))
            apart = ops.square(ops.softmax(logits) - ops.stop_gradient(believed))
            self.add_loss(0.5 * ops.mean(apart))
        return logits

    def averages(self):
        return [w for layer in self.teacher.layers for w in layer.weights if "seed" not in w.path]


def make_model():
    keras.utils.set_random_seed(0)
    model = MeanTeacher()
    model.compile(
        keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    centre = 1.2 * rng.normal(size=(3, 10))
    y = rng.integers(0, 3, 128)
    return (centre[y] + rng.normal(size=(128, 10))).astype("float32"), y
