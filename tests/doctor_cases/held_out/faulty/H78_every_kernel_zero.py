# after AliPakzad/DeepLearning-WeightInitialization-Impact-CIFAR10
import keras
import numpy as np
from keras import layers

zero_init = keras.initializers.Zeros()


def make_model():
    keras.utils.set_random_seed(12)
    model = keras.models.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Flatten(),
            layers.Dense(50, activation="relu", kernel_initializer=zero_init, name="first"),
            layers.Dense(50, activation="relu", kernel_initializer=zero_init, name="second"),
            layers.Dense(10, activation="softmax", kernel_initializer=zero_init, name="classes"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((32, 8, 8, 3)).astype("float32"), rng.integers(0, 10, size=32)
