"""Loops that no Keras optimizer steps: what they may call when, and what they are told."""

import keras
import numpy as np
import pytest
from conftest import array, same_bits
from keras import layers

import constrainit as ci

pytestmark = pytest.mark.everywhere

BACKEND = keras.backend.backend()
jax_only = pytest.mark.skipif(BACKEND != "jax", reason="of JAX")
torch_only = pytest.mark.skipif(BACKEND != "torch", reason="of torch.optim")


def _model(a_set=None, **bias):
    dense = layers.Dense(2, kernel_constraint=a_set or ci.UnitNorm(), name="d", **bias)
    model = keras.Sequential([keras.Input((3,)), dense], name="net")
    model.layers[0].kernel.assign(np.full((3, 2), 2.0))
    return model


@jax_only
@pytest.mark.parametrize("name", ["hold", "project", "prepare"])
def test_what_assigns_is_refused_while_jax_traces(name):
    """The model keeps its numbers, and the error says what to write; `held` may stand there."""
    import jax

    model = _model()
    before = array(model.layers[0].kernel)

    @jax.jit
    def step(z):
        getattr(ci, name)(model)
        return z

    wanted = r"Call it outside" if name == "prepare" else r"Write params = ci.held\(model, params\)"
    with pytest.raises(RuntimeError, match=rf"`{name}` assigns to the variables .* {wanted}"):
        step(1.0)
    assert same_bits(array(model.layers[0].kernel), before)
    kernel, _ = jax.jit(lambda params: ci.held(model, params))([v.value for v in model.variables])
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1, rtol=1e-6)
    getattr(ci, name)(model)
    np.testing.assert_allclose(np.linalg.norm(array(model.layers[0].kernel), axis=0), 1, rtol=1e-6)


@jax_only
def test_hold_in_a_scope_leaves_the_model():
    """What is assigned in a scope of Keras stays in it, also while JAX traces."""
    import jax

    model = _model()
    kernel = model.layers[0].kernel

    @jax.jit
    def step(value):
        with keras.StatelessScope([(kernel, value)]) as scope:
            ci.hold(model)
        return scope.get_current_value(kernel)

    np.testing.assert_allclose(np.linalg.norm(step(kernel.value), axis=0), 1, rtol=1e-6)
    assert array(kernel).min() == 2
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    assert ci.check(model).ok
