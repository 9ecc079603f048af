"""Constraints that leap from a member to one farther away, and those that only seem to."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._leaps import leap
from constrainit.doctor.treatments._edit_signs import with_signs

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")

registered = keras.saving.register_keras_serializable("test_doctor_leaps")


def q_of(w):
    return np.linalg.qr(w)[0]


def signed_q_of(w):
    q, r = np.linalg.qr(w)
    return q * np.sign(np.diag(r))


def polar(w):
    u, _, v = np.linalg.svd(w, full_matrices=False)
    return u @ v


def largest_of_each(w):
    return np.where(np.abs(w) >= np.abs(w).max(axis=0), w, 0.0)


def shares(w):
    w = np.maximum(w, 0.0)
    return w / (w.sum(axis=0) + 1e-7)


@pytest.mark.parametrize(
    ("constraint", "leaps"),
    [
        (q_of, True), (np.floor, True), (lambda w: np.where(w > 0.1, 2.0, 0.0), True),
        (signed_q_of, False), (polar, False), (np.round, False), (np.sign, False),
        (largest_of_each, False), (shares, False), (lambda w: np.maximum(w, 0.0), False),
        (lambda w: w / np.linalg.norm(w, axis=0), False),
        (lambda w: np.full_like(w, np.nan), False),
    ],
)  # fmt: skip
def test_leaps_to_what_is_farther_away(constraint, leaps):
    """A grid, and the largest entry, leap only between members that are equally near."""

    def image(_, value):
        found = constraint(value)
        return found if np.isfinite(found).all() else None

    start = q_of(np.random.default_rng(1).normal(size=(6, 6))).astype("float32")
    assert (leap(image, None, start) is not None) == leaps


def test_the_size_of_a_leap_is_that_of_what_turns_around():
    """Whole columns of six change their sign: each moves by twice its norm, which is one."""
    draws = np.random.default_rng(1)
    found = leap(lambda _, w: q_of(w), None, q_of(draws.normal(size=(6, 6))))
    columns = 6 * (found / 2) ** 2
    assert columns == pytest.approx(round(columns), rel=1e-2)
    large = q_of(draws.normal(size=(300, 300)))
    assert leap(lambda _, w: q_of(w), None, large) is None


@registered
class Orthonormal(keras.constraints.Constraint):
    def __call__(self, w):
        q, _ = ops.qr(w)
        return q


@registered
class SignedOrthonormal(keras.constraints.Constraint):
    def __call__(self, w):
        q, r = ops.qr(w)
        return q * ops.sign(ops.diagonal(r))


def q_alone(w):
    return ops.qr(w)[0]


@pytest.mark.parametrize(
    ("constraint", "leaps"),
    [
        (Orthonormal(), True), (q_alone, True), (SignedOrthonormal(), False),
        (ci.Orthogonal(), False),
    ],
)  # fmt: skip
def test_columns_that_change_their_sign_are_told_and_mended(constraint, leaps):
    """A start inside alone would look like a cure for as long as no column turns around."""
    keras.utils.set_random_seed(0)
    dense = layers.Dense(
        6, use_bias=False, kernel_initializer="orthogonal", kernel_constraint=constraint
    )
    model = keras.Sequential([keras.Input((6,)), dense])
    model.compile(keras.optimizers.Adam(0.005), "mse")
    found = [f for f in ci.diagnose(model, X, X[:, ::-1].copy()).findings if f.counts]
    assert [f.code for f in found if f.code == "CW215"] == (["CW215"] if leaps else [])
    if leaps:
        first, *others = found
        assert first.code == "CW215"
        assert first.treatment.healed, first.treatment
        assert "* keras.ops.sign(keras.ops.diagonal(r))" in first.treatment.diff
        assert all(other.cause for other in others if other.code != "CW208")


class Unregistered(keras.constraints.Constraint):
    def __call__(self, w):
        q, _ = ops.qr(w)
        return q


class Above(keras.constraints.Constraint):
    """Leaps nowhere; that it is not registered has nothing to do with another's leaps."""

    def __call__(self, w):
        return ops.maximum(w, 0.05)


def test_that_it_is_not_saved_has_an_edit_of_its_own():
    """Neither is tried with the other, nor gone with it; a start inside is told where it is one."""
    keras.utils.set_random_seed(0)
    draws = np.random.default_rng(1)
    starts = [keras.initializers.Constant(draws.normal(size=(6, 6))) for _ in range(2)]
    first = layers.Dense(6, kernel_initializer=starts[0], kernel_constraint=Unregistered())
    model = keras.Sequential(
        [
            keras.Input((6,)),
            first,
            layers.Dense(6, kernel_initializer=starts[1], kernel_constraint=Above()),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), "mse")
    found = ci.diagnose(model, X, X[:, ::-1].copy()).findings
    saved = [f for f in found if f.code == "CW208"]
    assert len(saved) == 2
    for finding in saved:
        assert not finding.cause
        assert finding.treatment.healed
        assert finding.treatment.change == "the class is registered with Keras"
        assert "+@keras.saving.register_keras_serializable()" in finding.treatment.diff
    leaping = next(f for f in found if f.code == "CW215")
    own_start = next(f for f in found if f.code == "CW101" and f.weight == leaping.weight)
    assert own_start.cause.startswith("CW215")
    assert leaping.treatment.change == "Q has the signs of the diagonal of R, and a start inside"
    assert leaping.treatment.code == "ci.prepare(model)"


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("def f(w):\n    q, _ = ops.qr(w)\n    return q\n",
         "def f(w):\n    q, r = ops.qr(w)\n    q = q * SIGNS(r))\n    return q\n"),
        ("def f(w):\n    a, b = ops.linalg.qr(w)\n    return a\n",
         "def f(w):\n    a, b = ops.linalg.qr(w)\n    a = a * SIGNS(b))\n    return a\n"),
        ("def f(w):\n    return ops.qr(w)[0]\n",
         "def f(w):\n    q, r = ops.qr(w)\n    return q * SIGNS(r))\n"),
        ("def f(w):\n    return ops.qr(w)[1]\n", None),
        ("def f(w):\n    return ops.svd(w)[0]\n", None),
    ],
)  # fmt: skip
def test_the_signs_in_the_source(text, new):
    found = with_signs(text)
    expected = new and new.replace("SIGNS", "keras.ops.sign(keras.ops.diagonal")
    assert (found and found[1]) == expected


def in_a_period(w):
    return np.mod(w, 2 * np.pi)


@pytest.mark.parametrize(
    ("constraint", "leaps"),
    [
        (lambda w: w * (w >= 0.08), True), (lambda w: np.maximum(w, 0.08), False),
        (lambda w: np.where(w > 0.04, np.maximum(w, 0.08), 0.0), False),
        (lambda w: np.round(w, 1), False), (in_a_period, False),
        (lambda w: np.clip(w, 0.0, 0.3), False), (np.tanh, False),
    ],
)  # fmt: skip
def test_leaps_of_single_entries_most_of_which_are_zero(constraint, leaps):
    """A step that is short for the weight as a whole takes no entry as far as its bound.

    Zero and the bound are the nearest ones where the leap is half-way between them, and an angle
    is the same one a period farther on.
    """
    for seed in range(20):
        draws = np.random.default_rng(seed)
        start = np.where(draws.random(14) < 0.3, draws.uniform(0.12, 0.3, 14), 0.0)
        start[0] = 0.2
        found = leap(lambda _, w: constraint(w), None, start.astype("float32"))
        assert (found is not None) == leaps, seed
