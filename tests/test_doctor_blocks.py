"""Weights in numbers a block at a time: the same as of the whole weight in float64."""

import numpy as np
import pytest

from constrainit.doctor import _blocks
from constrainit.doctor.engines import _result

pytestmark = pytest.mark.in_turns(every=16)
SHAPES = [(), (7,), (100_000,), (300, 400), (3, 60_000), (2, 5, 90, 120)]
"""Among them some of several blocks, of a row longer than a block, and of no axis."""


def pair(shape, dtype="float32"):
    before, step = np.random.default_rng(0).normal(size=(2, *shape))
    moved = np.random.default_rng(1).random(shape) < 0.3
    return before.astype(dtype), (before + moved * step).astype(dtype)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_as_of_the_whole(shape, dtype):
    """Sizes, ranges, distances and what changed."""
    before, after = pair(shape, dtype)
    old, new = before.astype("float64"), after.astype("float64")
    size, moved = np.linalg.norm(old), np.linalg.norm(new - old)
    found = _blocks.range_of(before)
    assert (found.low, found.high, found.lost) == (old.min(), old.max(), 0)
    assert found.norm == pytest.approx(size)
    assert _blocks.size_of(before) == (pytest.approx(size), 0)
    assert _blocks.move_of(before, after) == (pytest.approx(moved), 0)
    assert _blocks.distance(after, before) == pytest.approx(moved / size)
    assert _blocks.peak(before) == np.abs(old).max()
    change = _blocks.change(before, after, tuple(range(len(shape) - 1)))
    assert change.distance == pytest.approx(moved / size)
    assert change.largest == np.abs(new - old).max()
    assert change.share == np.mean(np.abs(new - old) > 1e-5 * np.abs(old).max())
    assert change.zeros == (np.mean(old == 0), np.mean(new == 0))


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), (0, 2), (2,)])
def test_units_along_any_axes(axes):
    """Their norms, and the factors where a unit keeps its direction, over several blocks."""
    before, after = pair((90, 20, 60))
    change = _blocks.change(before, after, axes)
    for found, w in zip(change.norms, (before, after), strict=True):
        expected = np.sqrt(np.square(w.astype("float64")).sum(axis=axes))
        np.testing.assert_allclose(found, expected)
    assert change.factors is None
    factor = np.random.default_rng(2).uniform(1, 2, np.ones(before.ndim, int))
    assert _blocks.change(before, before * factor, axes).factors == pytest.approx(
        (factor.min(), factor.max())
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 99_999])
def test_what_is_not_finite_is_counted(bad, place):
    """In the first block or the last, before or after."""
    before, after = pair((100_000,))
    broken = after.copy()
    broken[place] = bad
    kept = np.delete(broken, place).astype("float64")
    found = _blocks.range_of(broken)
    assert (found.low, found.high, found.lost) == (kept.min(), kept.max(), 1)
    assert _blocks.size_of(broken) == (pytest.approx(np.linalg.norm(kept)), 1)
    moved, lost = _blocks.move_of(before, broken)
    assert np.isnan(moved)
    assert lost == 1
    for first, second in ((before, broken), (broken, before)):
        assert np.isnan(_blocks.distance(first, second))
        change = _blocks.change(first, second, ())
        assert np.isnan([change.distance, change.largest]).all()
        assert change.factors is None


def test_nothing_finite_has_no_range():
    """NaN, not an infinity that nobody stored."""
    found = _blocks.range_of(np.full(9, np.nan, "float32"))
    assert np.isnan([found.low, found.high, found.norm]).all()
    assert found.lost == 9


@pytest.mark.parametrize("shape", [(50, 3), (40_000, 4)])
def test_moments_of_columns(shape):
    """Also where the mean is far larger than the deviation."""
    batch = (100 + np.random.default_rng(0).normal(size=shape)).astype("float32")
    means, variances = _blocks.moments(batch)
    np.testing.assert_allclose(means, batch.astype("float64").mean(0), rtol=1e-6)
    np.testing.assert_allclose(variances, batch.astype("float64").var(0), rtol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_step_in_numbers(shape):
    """A weight, its gradient and its update: at once, and as engines that wait for the update."""
    before, after = pair(shape)
    gradient = (after - before).astype("float32")
    norm, moved = np.linalg.norm(gradient), np.linalg.norm(after - before)
    expected = [norm, 0, 0, moved, np.linalg.norm(before), 0]
    np.testing.assert_allclose(_result.weigh(before, gradient, after), expected, rtol=1e-5)
    numbers = _result.weigh_at_once(before, gradient)
    _result.weigh_update(numbers, before, after)
    np.testing.assert_allclose(numbers, expected, rtol=1e-4)
