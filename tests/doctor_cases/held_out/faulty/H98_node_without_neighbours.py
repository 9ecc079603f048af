# after stellargraph/stellargraph#1015
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("gcn")
class GraphConvolution(layers.Layer):
    """D^-1/2 A D^-1/2 X W of a batch of small graphs."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.inner = layers.Dense(units)

    def build(self, shapes):
        self.inner.build(shapes[0])

    def call(self, inputs):
        nodes, links = inputs
        degree = ops.sum(links, axis=-1)
        scale = ops.power(degree, -0.5)
        links = scale[:, :, None] * links * scale[:, None, :]
        return ops.relu(ops.matmul(links, self.inner(nodes)))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def make_model():
    keras.utils.set_random_seed(3)
    nodes, links = keras.Input((12, 7)), keras.Input((12, 12))
    h = GraphConvolution(24, name="graph_1")([nodes, links])
    h = GraphConvolution(24, name="graph_2")([h, links])
    h = layers.GlobalAveragePooling1D()(h)
    model = keras.Model([nodes, links], layers.Dense(1)(h))
    model.compile("adam", "mae")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    links = np.triu(rng.random((20, 12, 12)) < 0.15, 1).astype("float32")
    links = links + links.transpose(0, 2, 1)
    nodes = np.eye(7)[rng.integers(7, size=(20, 12))].astype("float32")
    return [nodes, links], links.sum(axis=(1, 2))[:, None] / 10
