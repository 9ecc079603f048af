"""The numbers of a log are those of NumPy in double precision, of weights of every kind."""

import keras
import numpy as np
import pytest
from conftest import array, tensor
from keras import ops

import constrainit as ci
from constrainit.callbacks._log_numbers import distance, norm, numbers
from constrainit.log._storage import COLUMNS
from constrainit.sets.elementwise import limits_of

pytestmark = pytest.mark.everywhere

PLAIN = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
ONE_HUGE, LOST = PLAIN.copy(), PLAIN.copy()
ONE_HUGE[2, 1] = 1e20
LOST[0, 0], LOST[3, 1], LOST[5, 1] = np.nan, np.inf, -np.inf
WEIGHTS = {
    "plain": PLAIN,
    "inside": np.abs(PLAIN) / 100,
    "above": np.abs(PLAIN) + 3,
    "below": -np.abs(PLAIN) - 3,
    "around a thousand": 1000 + PLAIN / 100,
    "huge": 1e25 * PLAIN,
    "tiny": 1e-25 * PLAIN,
    "zero": 0 * PLAIN,
    "one huge": ONE_HUGE,
    "lost": LOST,
    "nothing finite": PLAIN * np.float32("nan"),
}
MANY = np.array([-0.5, 0, -np.inf, -1]), np.array([0.25, np.inf, np.inf, 0.5])
SETS = [
    ci.Box(*MANY),
    ci.NonNegative(), ci.Box(-0.5, 0.7), ci.MaxAbs(0.25), ci.UnitNorm(), ci.UnitNorm(axis=1),
    ci.MaxNorm(1.5), ci.NormRange(1.0, 2.0), ci.L1Ball(1.0), ci.Simplex(),
    ci.RowStochastic(), ci.ZeroMean(),
    ci.Monotone() & ci.Box(0, 1), ci.Simplex() & ci.Box(upper=0.5), ci.MaxNorm(1) & ci.Box(*MANY),
    ci.NonNegative() & ci.MaxNorm(1), ci.MaxNorm(1.5) & ci.ZeroMean(),
    ci.Orthogonal(), ci.Sign([[1, -1, 0, 1]]), ci.Sign([1, -1, 0, 1, -1, 0]), ci.Sign(-1),
]  # fmt: skip


def moments(w):
    """What is expected of the finite entries, and how many there are not."""
    held = w[np.isfinite(w)]
    if not held.size:
        return 5 * [np.nan] + [w.size]
    size = np.abs(held).max() or 1.0
    spread = size * np.sqrt(np.square(held / size - (held / size).mean()).mean())
    length = size * np.linalg.norm(held / size)
    return [held.min(), held.max(), held.mean(), spread, length, w.size - held.size]


def at_bound(after, a_set):
    """The share of entries at a bound, of units at a norm."""
    if isinstance(a_set, ci.Intersection):
        bounds = [one for one in a_set.sets if limits_of(one) is not None]
        # Each of them has one part of bounds.
        return at_bound(after, bounds[0]) if bounds else np.nan
    if isinstance(a_set, ci.Box) and a_set._by_entry:
        return np.mean((after <= MANY[0]) | (after >= MANY[1]))
    if isinstance(a_set, (ci.NonNegative, ci.Box, ci.MaxAbs)):
        low, high = (
            np.inf * sign if b is None else np.float32(b)
            for b, sign in zip(a_set._bounds(), (-1, 1), strict=True)
        )
        return np.mean((after <= low) | (after >= high))
    if isinstance(a_set, (ci.Simplex, ci.RowStochastic)):
        return np.mean(after <= 0)
    if isinstance(a_set, ci.Sign):
        return np.mean((after == 0) & (a_set._array(2) != 0))
    if isinstance(a_set, (ci.UnitNorm, ci.MaxNorm, ci.NormRange)):
        lower, upper = a_set._range()
        with np.errstate(over="ignore", invalid="ignore"):
            sizes = np.sqrt(np.square(after).sum(axis=tuple(a_set._units(2))))
            near = np.isclose(sizes, lower, rtol=1e-5) if lower else False
            return np.mean(np.isclose(sizes, upper, rtol=1e-5) | near)
    return np.nan


@pytest.mark.parametrize("a_set", SETS, ids=repr)
def test_numbers_of_a_weight(a_set):
    """Before and after, and the way between the two."""
    a_set = a_set.resolve((0,)) if getattr(a_set, "axis", 0) is None else a_set
    for name, start in WEIGHTS.items():
        before = tensor(start)
        after = a_set.project(before)
        found = dict(zip(COLUMNS, map(float, numbers(before, after, a_set)), strict=False))
        old, new = array(before), array(after)
        said = f"{name}: {found}"
        for side, w in (("before", old), ("after", new)):
            least, most, mean, spread, length, lost = moments(w)
            rounding = 1e-5 * np.nan_to_num(max(abs(least), abs(most)))
            for key, expected in (
                ("minimum", least), ("maximum", most), ("mean", mean), ("norm", length),
            ):  # fmt: skip
                assert found[f"{side}_{key}"] == pytest.approx(
                    expected, rel=1e-5, abs=rounding, nan_ok=True
                ), (key, said)
            assert found[f"{side}_deviation"] == pytest.approx(
                spread, rel=1e-3, abs=rounding / 100, nan_ok=True
            ), said
            assert found[f"{side}_nonfinite"] == lost, said
        assert found["violation"] == pytest.approx(
            float(a_set.violation(before)), rel=1e-5, abs=1e-7, nan_ok=True
        ), said
        assert found["share_moved"] == pytest.approx(np.mean(old != new)), said
        if np.isfinite(old).all():
            assert found["moved"] == pytest.approx(moments(old - new)[4], rel=1e-5), said
            assert found["share_at_bound"] == pytest.approx(at_bound(new, a_set), nan_ok=True), said


@pytest.mark.parametrize(
    "a_set",
    [ci.NonNegative(), ci.Box(-1, 1), ci.UnitNorm(axis=0), ci.MaxNorm(9.0, axis=1)],
    ids=repr,
)
def test_numbers_of_a_large_weight(a_set, monkeypatch):
    """It is gone through in blocks or slabs, and there are rows that fill none."""
    if keras.backend.backend() == "torch":
        monkeypatch.setattr("constrainit.callbacks._log_sums_torch._BLOCK", 2**10)
    old = np.random.default_rng(0).normal(0.1, 1, (1030, 70)).astype("float32")
    new = array(a_set.project(tensor(old)))
    found = dict(zip(COLUMNS, map(float, numbers(tensor(old), tensor(new), a_set)), strict=False))
    for side, w in (("before", old), ("after", new)):
        names = ("minimum", "maximum", "mean", "deviation", "norm", "nonfinite")
        assert [found[f"{side}_{name}"] for name in names] == pytest.approx(
            moments(w.astype("float64")), rel=1e-4
        )
    assert found["violation"] == pytest.approx(float(a_set.violation(tensor(old))), rel=1e-5)
    assert found["moved"] == pytest.approx(np.linalg.norm(old - new), rel=1e-5)
    assert found["share_moved"] == pytest.approx(np.mean(old != new))
    assert found["share_at_bound"] == pytest.approx(at_bound(new, a_set))


def test_numbers_of_a_weight_that_is_free():
    """It is the same on both sides; there is no way between them."""
    before = ops.convert_to_tensor(PLAIN)
    found = [float(n) for n in numbers(before, before, None)]
    assert found[:6] == found[6:12] == pytest.approx(moments(PLAIN.astype("float64")), rel=1e-5)
    assert np.isnan(found[12:]).all()


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_norms_of_any_size(scale):
    """Also of numbers whose squares are none."""
    x, y = tensor(scale * PLAIN), tensor(scale * PLAIN[::-1])
    assert float(norm(x)) == pytest.approx(scale * np.linalg.norm(PLAIN), rel=1e-5)
    expected = scale * np.linalg.norm(PLAIN - PLAIN[::-1])
    assert float(distance(x, y)) == pytest.approx(expected, rel=1e-5)
    assert keras.backend.standardize_dtype(norm(x).dtype) == "float32"
