"""Combinators against NumPy in float64, on weights that hypothesis looks for."""

import numpy as np
import pytest
from hypothesis import given
from test_oracles import QUICK, close, projected, weights

import constrainit as ci


@pytest.mark.parametrize("axis", [0, 1])
@QUICK
@given(w=weights(6, 3))
def test_product(axis, w):
    """Each block is clipped, scaled or left by itself; nothing crosses from one to the next."""
    a_set = ci.Product([ci.Box(-0.5, 2.0), None, ci.MaxNorm(0.7, axis=axis)], [1, 2, 3], axis=axis)
    w = w if axis == 0 else w.T
    rows = np.moveaxis(w, axis, 0)
    norm = np.linalg.norm(rows[3:], axis=0)
    expected = np.concatenate([
        np.clip(rows[:1], -0.5, 2.0),
        rows[1:3],
        rows[3:] * np.minimum(1.0, 0.7 / np.where(norm > 0, norm, 1.0)),
    ])  # fmt: skip
    found = np.moveaxis(projected(a_set, w), axis, 0)
    for block in (slice(0, 1), slice(1, 3), slice(3, 6)):
        close(found[block], expected[block], w)


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.99])
@QUICK
@given(w=weights(5, 2))
def test_relaxed(rate, w):
    """The constraint gives the point on the way to the projection, entry by entry."""
    from conftest import array, tensor

    norm = np.linalg.norm(w, axis=0)
    image = w * np.minimum(1.0, 0.5 / np.where(norm > 0, norm, 1.0))
    found = array(ci.Relaxed(ci.MaxNorm(0.5, axis=0), rate)(tensor(w)))
    close(found, w + rate * (image - w), w)


@QUICK
@given(w=weights(6, 3))
def test_joint_blocks_are_one_projection(w):
    """A group of a kernel and a bias moves as the matrix of both does."""
    import keras

    joint = ci.Joint(ci.Simplex())
    layer = keras.layers.Dense(3, kernel_constraint=joint, bias_constraint=joint)
    layer.build((None, 5))
    layer.set_weights([w[:5].astype("float32"), w[5].astype("float32")])
    ci.project(layer)
    kernel, bias = layer.get_weights()
    assert np.array_equal(np.vstack([kernel, bias]), projected(ci.Simplex(axis=0), w))
