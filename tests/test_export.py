"""Models whose weights are seen through maps, exported as they are."""

import importlib.util

import keras
import numpy as np
import pytest
from cases import FEW
from keras import layers

import constrainit as ci

pytestmark = [
    pytest.mark.skipif(keras.backend.backend() == "torch", reason="exports there by other tools"),
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None, reason="Keras exports by TensorFlow"
    ),
]
SMOOTH = [case for case in FEW if case.make().transform is not None and len(case.shape) == 2]


ON_JAX = keras.backend.backend() == "jax"
SOLVED = ("Orthogonal", "SpecialOrthogonal", "Blocks_Orthogonal", "SingularValues")
"""Members by a linear system or a decomposition, for which LAPACK has names that TensorFlow lacks."""


def marked(case):
    reason = "a mask that is traced can not be a constant of a gradient"
    broken = ON_JAX and case.name == "Masked_UnitNorm"
    return pytest.param(case, marks=pytest.mark.xfail(reason=reason) if broken else ())


def exported(model, shape, folder):
    """What the artifact computes, and what the model does."""
    import tensorflow as tf

    x = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    model.export(folder, verbose=False)
    artifact = tf.saved_model.load(str(folder))
    return np.asarray(artifact.serve(x)), model.predict(x, verbose=0)


def assert_same(model, shape, folder, solved):
    """The artifact computes what the model does; if it can not, that of the baked model does."""
    if ON_JAX and solved:
        model.export(folder / "as_it_is", verbose=False)
        model = ci.bake(model)
    served, expected = exported(model, shape, folder / "artifact")
    np.testing.assert_allclose(served, expected, 1e-5, 1e-5)


@pytest.mark.parametrize(
    "case", [marked(case) for case in SMOOTH], ids=[case.name for case in SMOOTH]
)
def test_a_layer_seen_through_a_map(case, tmp_path):
    """Every set with a map: JAX differentiates what is exported by all variables."""
    layer = ci.Reparametrized(layers.Dense(case.shape[1]), kernel=case.make())
    model = keras.Sequential([keras.Input(case.shape[:1]), layer])
    assert_same(model, case.shape[:1], tmp_path, case.name in SOLVED)


@pytest.mark.parametrize("shape", [(4, 4), (6, 4), (4, 6)])
def test_orthogonal_matrices(shape, tmp_path):
    """From a base that is a variable, too: square, tall and wide; and after training."""
    layer = ci.Reparametrized(layers.Dense(shape[1]), kernel=ci.Orthogonal())
    model = keras.Sequential([keras.Input(shape[:1]), layer])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(np.ones((8, shape[0])), np.zeros((8, shape[1])), verbose=0)
    assert_same(model, shape[:1], tmp_path, solved=True)
