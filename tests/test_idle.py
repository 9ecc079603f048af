"""A set that holds nothing back of a weight is told once, where the weight is made."""

import warnings

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers

import constrainit as ci

pytestmark = pytest.mark.in_turns(every=4)

# No compiler has a part in it.

FIRST = np.arange(10).reshape(5, 2) < 4
NONE = np.zeros((5, 2), "bool")

# Of a kernel (5, 2): what says nothing, the words, and the nearest that does.
IDLE = {
    "many": (ci.TopK(10), "`k=10` of `TopK` allows all, as a unit has 5 weights. Write a k of at "
             "most 4.", ci.TopK(4)),
    "all": (ci.TopK(5), "Write a k of at most 4.", ci.TopK(4)),
    "rank": (ci.LowRank(7), "`rank=7` of `LowRank` allows all, as the weight is a matrix of 5x2. "
             "Write a rank of at most 1.", ci.LowRank(1)),
    "band": (ci.Banded(10, 10), "Banded(lower=10, upper=10) keeps every entry of a matrix of 5x2. "
             "Write lower of at most 3 or upper of at most 0.", ci.Banded(10, 0)),
    "band below": (ci.Banded(4, 1), "keeps every entry", ci.Banded(3, 1)),
    "under a mask": (ci.Masked(ci.TopK(2), FIRST), "as a unit has 2 weights",
                     ci.Masked(ci.TopK(1), FIRST)),
    "of a mask": (ci.Masked(ci.Simplex(), ~NONE), "`mask` of `Masked` leaves out no entry. Leave "
                  "the mask out: Simplex(...).", ci.Masked(ci.Simplex(), FIRST)),
    "fixed": (ci.Fixed(NONE), "`mask` of `Fixed` holds no entry", ci.Fixed(FIRST)),
    "signs": (ci.Sign(0 * FIRST), "leaves every sign free", ci.Sign(1 * FIRST)),
    "bend": (ci.Convex(axis=1), "`Convex` says something of 3 weights or more along its axis. "
             "Received: axis=1, along which there are 2.", ci.Convex()),
    "turn": (ci.Unimodal(axis=1), "of 3 weights or more", ci.Unimodal(at=0, axis=1)),
    "a part": (ci.TopK(10) & ci.MaxNorm(1.0), "`k=10` of `TopK`", ci.TopK(4) & ci.MaxNorm(1.0)),
    "blocks": (ci.Blocks(ci.LowRank(1), 2), "of 5x1. Leave it out.", ci.Blocks(ci.MaxNorm(1.0), 2)),
    "parts": (ci.Product([ci.Simplex(), ci.TopK(9)], [1, 4], axis=0), "a unit has 4 weights",
              ci.Product([ci.Simplex(), ci.TopK(3)], [1, 4], axis=0)),
    "at times": (ci.Every(ci.TopK(10), 3), "`k=10` of `TopK`", ci.Every(ci.TopK(4), 3)),
}  # fmt: skip

OF_ONE = {
    "order": (ci.Monotone(), (1, 2), "of 2 weights or more along its axis. Received: axis=0, along "
              "which there is 1."),
    "triangle": (ci.Triangular(lower=False), (1, 2), "keeps every entry of a matrix of 1x2"),
    "diagonals": (ci.Toeplitz(), (1, 2), "every matrix of 1x2 is one of `Toeplitz`"),
    "definite": (ci.PositiveSemidefinite(rank=3), (3, 3), "Write a rank of at most 2."),
}  # fmt: skip


UP, DOWN = ci.Monotone(), ci.Monotone("decreasing")
LITTLE = {
    "up and down": (UP & DOWN, "only weights that are all equal along axis 0 are increasing and "
                    "decreasing as well. Leave one of them out"),
    "with a third": (ci.MaxNorm(1.0) & UP & DOWN, "all equal along axis 0"),
    "peak and valley": (ci.Unimodal(at=2) & ci.Unimodal("valley", at=-3), "all equal along axis 0"),
    "peak at an end": (UP & ci.Unimodal(at=0), "all equal along axis 0"),
    "valley at an end": (DOWN & ci.Unimodal("valley", at=0), "all equal along axis 0"),
    "zero": (ci.NonNegative() & ci.Box(upper=0.0), "the bounds leave 0 for each weight"),
    "a number": (ci.Box(1, 2) & ci.Box(2, 3), "the bounds leave 2 for each weight"),
    "of entries": (ci.Box([[0.0, 1.0]], 2) & ci.Box(-1, [[0.0, 1.0]]), "leave one number"),
}  # fmt: skip
MUCH = [
    ci.Convex() & ci.Concave(), UP & ci.Monotone("decreasing", axis=1), UP & ci.Unimodal(at=4),
    ci.Unimodal(at=2) & ci.Unimodal("valley", at=3), DOWN & ci.Unimodal(at=0),
    ci.NonNegative() & ci.Box(-1.0, 1.0), ci.Box([[0.0, 1.0]], 2) & ci.Box(-1, [[0.0, 2.0]]),
    ci.Simplex() & UP,
]  # fmt: skip


def told(make):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        make()
    return [str(one.message) for one in found if "may not be what is meant" in str(one.message)]


def built(a_set, shape=(5, 2)):
    layers.Dense(shape[1], kernel_constraint=a_set, name="d").build((None, shape[0]))


@pytest.mark.parametrize("name", IDLE)
def test_told_where_the_weight_is_made(name):
    """With what to write; the set that is written instead says something, and nothing is told."""
    idle, words, less = IDLE[name]
    (said,) = told(lambda: built(idle))
    assert said.startswith("The constraint of 'd/kernel' (5, 2) may not be what is meant: ")
    assert words in said
    assert not told(lambda: built(less))


@pytest.mark.parametrize("name", LITTLE)
def test_told_where_sets_leave_nearly_nothing(name):
    """They are joined, as what they leave are weights: constants, or a number for each."""
    a_set, words = LITTLE[name]
    (said,) = told(lambda: built(a_set))
    assert words in said
    first, second = (array(a_set.project(np.full((5, 2), start, "float32"))) for start in (-3, 3))
    constant = np.ptp(first, axis=0).max() < 1e-5
    assert constant or np.array_equal(first, second)


@pytest.mark.parametrize("a_set", MUCH, ids=repr)
def test_nothing_is_told_where_they_leave_more(a_set):
    """Lines, orders along other axes, the same order twice, a few entries that are given."""
    assert not told(lambda: built(a_set))


def test_equal_weights_as_it_is_told():
    """What is written instead of two orders."""
    equal = ci.Affine(np.diff(np.eye(5), axis=0), axis=0)
    w = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
    np.testing.assert_allclose(array(equal.project(w)), np.tile(w.mean(axis=0), (5, 1)), atol=1e-6)


@pytest.mark.parametrize("name", OF_ONE)
def test_told_of_small_matrices(name):
    """Of a single row, and of a rank that no matrix is above."""
    a_set, shape, words = OF_ONE[name]
    (said,) = told(lambda: built(a_set, shape))
    assert words in said
    assert not told(lambda: built(a_set, (5, 5)))


@pytest.mark.parametrize("name", IDLE)
def test_what_is_told_holds_nothing_back(name):
    """Half of the sets are parts of another, which holds the rest."""
    idle, _, less = IDLE[name]
    w = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
    if type(idle) is not type(less) or name in ("of a mask", "a part", "parts", "under a mask"):
        return
    assert float(idle.resolve((0,)).violation(w)) == 0
    assert float(less.resolve((0,)).violation(w)) > 0


def test_told_of_weights_of_a_built_model_and_seen_through_a_map():
    """Once for each weight; a larger one of the same pattern has something to hold."""
    model = keras.Sequential([keras.Input((9,)), layers.Dense(5), layers.Dense(2)])
    made = told(lambda: ci.constrain(model, {"*/kernel": ci.TopK(5)}))
    assert len(made) == 1
    assert repr(model.layers[1].kernel.path) in made[0]
    joint = {tuple(one.path for one in model.weights[2:]): ci.Joint(ci.TopK(6))}
    (said,) = told(lambda: ci.constrain(model, joint))
    assert "a unit has 6 weights" in said
    layer = ci.Reparametrized(layers.Dense(2), kernel=ci.LowRank(7))
    (said,) = told(lambda: layer.build((None, 5)))
    assert "`rank=7` of `LowRank`" in said
    plain = keras.Sequential([keras.Input((5,)), layers.Dense(2)])
    assert len(told(lambda: ci.reparametrize(plain, {"*/kernel": ci.LowRank(7)}))) == 1


@pytest.mark.parametrize("shape", [(), (2,), (5, 2)])
def test_a_mask_that_keeps_nothing_is_refused(shape):
    """The weight would be zero for good."""
    words = r"`mask` of `Masked` must keep at least one entry. Received: a mask of shape .* Fixed\("
    with pytest.raises(ValueError, match=words):
        ci.Masked(ci.Simplex(), np.zeros(shape))
    assert float(ci.Fixed(1, 0.0).violation(np.ones((5, 2), "float32"))) > 0
