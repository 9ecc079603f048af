"""Large weights are taken in blocks of units, and come out as they would as a whole."""

import math

import numpy as np
import pytest
from keras import ops

import constrainit as ci
from constrainit.numerics import _blocks


@pytest.mark.parametrize(
    ("shape", "axis", "calls"),
    [
        ((40, 12), (0,), 4),
        ((40, 12), (-1,), 4),
        ((5, 8, 12), (0, 1), 4),
        ((12, 5, 8), (-2, -1), 4),
        ((40, 13), (0,), 13),
        ((5, 12, 8), (1,), 1),
        ((40, 12), (0, 1), 1),
        ((2, 101), (0,), 1),
    ],
)
def test_blocks_hold_whole_units(monkeypatch, shape, axis, calls):
    """Each entry becomes what its unit says; units in the middle, or one alone, are not parted."""
    monkeypatch.setattr(_blocks, "_LARGE", 200)
    monkeypatch.setattr(_blocks, "_BLOCK", 130)
    seen = []

    def less_mean(block, own):
        seen.append(math.prod(block.shape))
        return block - ops.mean(block, axis=own, keepdims=True)

    w = np.random.default_rng(0).normal(size=shape).astype("float32")
    image = ops.convert_to_numpy(_blocks.by_blocks(less_mean, ops.convert_to_tensor(w), axis))
    np.testing.assert_allclose(image, w - w.mean(axis=axis, keepdims=True), atol=1e-6)
    # A compiled loop traces the function once, and may look at it twice.
    assert set(seen) == {math.prod(shape) // calls}


@pytest.mark.parametrize("a_set", [ci.Simplex(axis=0), ci.L1Ball(1.0, axis=1)])
def test_a_projection_in_blocks_is_the_same(monkeypatch, a_set):
    """To rounding, for weights inside and far outside, and a second time to the bit."""
    rng = np.random.default_rng(1)
    w = (rng.normal(size=(64, 48)) * 10.0 ** rng.integers(-3, 3, (64, 48))).astype("float32")
    whole = ops.convert_to_numpy(a_set.project(w))
    monkeypatch.setattr(_blocks, "_LARGE", 1000)
    monkeypatch.setattr(_blocks, "_BLOCK", 300)
    image = a_set.project(w)
    np.testing.assert_allclose(ops.convert_to_numpy(image), whole, atol=1e-6)
    assert a_set.violation(image) <= 1e-6
    np.testing.assert_array_equal(
        ops.convert_to_numpy(a_set.project(image)), ops.convert_to_numpy(image)
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("a_set", [ci.Orthogonal(axis=0), ci.SingularValues(0.5, 1.5)])
def test_directions_that_are_lost_are_made_anew(a_set, dtype):
    """TensorFlow's decomposition of such a matrix gave a column twice, which was far outside."""
    rng = np.random.default_rng(0)
    w = np.outer(rng.normal(size=1024), rng.normal(size=1024)).astype(dtype) / 32
    sizes = np.linalg.svd(ops.convert_to_numpy(a_set.project(w)), compute_uv=False)
    low, high = (1.0, 1.0) if isinstance(a_set, ci.Orthogonal) else (0.5, 1.5)
    assert sizes.min() >= low - 1e-5
    assert sizes.max() <= high + 1e-5
