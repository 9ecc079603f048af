"""Which set the doctor takes a constraint of the user's own to mean: that one, or none."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments._meaning import meant_set
from constrainit.doctor.treatments._shares import bounds_note
from constrainit.model import walk

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)


def norms(w, axis=0):
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


def largest(w):
    return ops.max(ops.svd(ops.convert_to_tensor(w), compute_uv=False))


def shares(w):
    return w / ops.sum(w, axis=0, keepdims=True)


def softmax(w):
    return ops.softmax(w, axis=0)


ROWS = np.float32([[0.0], [0.1], [0.2], [0.3]])

MEANT = {
    "floor": (lambda w: ops.maximum(w, 0.1), ci.Positive(0.1)),
    "floor at zero": (lambda w: ops.maximum(w, 0.0), ci.NonNegative()),
    "small floor": (lambda w: ops.maximum(w, 1e-3), ci.Positive(1e-3)),
    "floor below zero": (lambda w: ops.maximum(w, -0.3), ci.Box(lower=-0.3)),
    "half of the way": (lambda w: 0.5 * (w + ops.maximum(w, 5.0)), ci.Positive(5.0)),
    "ceiling": (lambda w: ops.minimum(w, 0.5), ci.Box(upper=0.5)),
    "ceiling below zero": (lambda w: ops.minimum(w, -0.2), ci.Box(upper=-0.2)),
    "bounds": (lambda w: ops.clip(w, 0.00125, 0.5), ci.Box(0.00125, 0.5)),
    "magnitudes": (lambda w: ops.abs(w), ci.NonNegative()),
    "smooth": (lambda w: ops.sigmoid(w), ci.Box(0.0, 1.0)),
    "smooth and open": (lambda w: ops.softplus(w), ci.NonNegative()),
    "norm of two": (lambda w: 2 * w / norms(w), ci.NormRange(2.0, 2.0, axis=[0])),
    "norm of all": (lambda w: w / norms(w, (0, 1)), ci.UnitNorm(axis=[0, 1])),
    "norm at most": (
        lambda w: w * (ops.minimum(norms(w), 2.0) / norms(w)), ci.MaxNorm(2.0, axis=[0])
    ),
    "range of norms": (
        lambda w: w * (ops.clip(norms(w), 0.5, 2.0) / norms(w)), ci.NormRange(0.5, 2.0, axis=[0])
    ),
    "norm of magnitudes": (
        lambda w: ops.abs(w) / norms(w), ci.NonNegative() & ci.UnitNorm(axis=[0])
    ),
    "spectral norm": (lambda w: 2 * w / largest(w), ci.SpectralNorm(2.0)),
    "spectral norm at most": (lambda w: w / ops.maximum(largest(w), 1.0), ci.SpectralNorm(1.0)),
    "half numbers": (lambda w: ops.round(2 * w) / 2, ci.Grid(0.5)),
    "three numbers": (lambda w: ops.clip(ops.round(w), -1, 1), ci.Grid(1.0, -1.0, 1.0)),
    "softmax": (lambda w: ops.softmax(w, axis=0), ci.Simplex(1.0, axis=[0])),
    "a cap of a softmax": (
        lambda w: ops.minimum(ops.softmax(w, axis=0), 0.4),
        ci.Simplex(1.0, axis=[0]) & ci.Box(0.0, 0.4),
    ),
    "a cap of a softmax of rows": (
        lambda w: 2 * ops.minimum(ops.softmax(w, axis=1), 0.35),
        ci.Simplex(2.0, axis=[1]) & ci.Box(0.0, 0.7),
    ),
    "a cap that no share comes to": (
        lambda w: ops.minimum(ops.softmax(w, axis=0), 1.0), ci.Simplex(1.0, axis=[0])
    ),
    "shares of a floor": (
        lambda w: shares(ops.maximum(w, 0.05)), ci.Simplex(1.0, axis=[0]) & ci.Box(lower=0.05)
    ),
    "shares of a clip": (
        lambda w: shares(ops.clip(w, 0.0, 0.4)), ci.Simplex(1.0, axis=[0]) & ci.Box(0.0, 0.4)
    ),
    "a clip of shares": (
        lambda w: ops.minimum(shares(ops.relu(w)), 0.4),
        ci.Simplex(1.0, axis=[0]) & ci.Box(0.0, 0.4),
    ),
    "shares of rows in bounds": (
        lambda w: 2 * ops.transpose(shares(ops.clip(ops.transpose(w), 0.1, 0.9))),
        ci.Simplex(2.0, axis=[1]) & ci.Box(0.1, 0.9),
    ),
    "shares of nothing below zero": (lambda w: shares(ops.relu(w)), ci.Simplex(1.0, axis=[0])),
    "order": (lambda w: ops.sort(w, axis=0), ci.Monotone(axis=0)),
    "order by increments": (
        lambda w: ops.cumsum(ops.concatenate([w[:1], ops.relu(w[1:])]), axis=0),
        ci.Monotone(axis=0),
    ),
    "order by increments from zero": (
        lambda w: ops.cumsum(ops.relu(w), axis=0), ci.NonNegative() & ci.Monotone(axis=0)
    ),
    "squared norm": (lambda w: w / ops.sum(ops.square(w), axis=0), ci.UnitNorm(axis=[0])),
    "half of a norm": (
        lambda w: 0.25 * w / ops.sum(ops.square(w), axis=0), ci.NormRange(0.5, 0.5, axis=[0])
    ),
    "a clip of what sums to zero": (
        lambda w: ops.clip(w - ops.mean(w, axis=0, keepdims=True), -0.1, 0.1),
        ci.SumTo(0.0, axis=[0]) & ci.Box(-0.1, 0.1),
    ),
    "twice the skew part": (lambda w: w - ops.transpose(w), ci.SkewSymmetric()),
    # None of the catalogue, though many of its sets hold what these give.
    "floor of each row": (lambda w: ops.maximum(w, ROWS), None),
    "sum of magnitudes": (lambda w: w / ops.sum(ops.abs(w), axis=0, keepdims=True), None),
    "largest of one": (lambda w: w / ops.max(ops.abs(w), axis=0, keepdims=True), None),
    "diagonal": (lambda w: w * np.eye(4, dtype="float32"), None),
    "same": (lambda w: 1.0 * w, None),
    "constant": (lambda w: 0.0 * w + 0.3, None),
    "above a floor": (lambda w: ops.abs(w) + 0.1, None),
    "deviation": (lambda w: w / ops.std(w, axis=0, keepdims=True), None),
}  # fmt: skip


def record_of(constraint, start="glorot_uniform", shape=(4, 4)):
    keras.utils.set_random_seed(0)
    dense = layers.Dense(shape[1], kernel_initializer=start, kernel_constraint=constraint)
    model = keras.Sequential([keras.Input(shape[:1]), dense])
    return next(record for record in walk(model) if record.constraint is not None)


def as_tensor(function):
    # On JAX no Variable is taken by some functions.
    return lambda w: function(ops.convert_to_tensor(w))


@pytest.mark.parametrize("units", [1, 4])
def test_a_softmax_of_equal_weights_means_shares(units):
    """By calling it again all become the same, which is no bound of theirs."""
    keras.utils.set_random_seed(0)
    even = keras.initializers.Constant(1 / 6)
    dense = layers.Dense(units, kernel_initializer=even, kernel_constraint=as_tensor(softmax))
    model = keras.Sequential([keras.Input((6,)), dense])
    record = next(record for record in walk(model) if record.constraint is not None)
    assert meant_set(record) == ci.Simplex(1.0, axis=[0])


@pytest.mark.parametrize("name", MEANT)
def test_the_set_that_is_meant(name):
    """It is no wider than what the constraint leaves alone."""
    function, expected = MEANT[name]
    assert meant_set(record_of(as_tensor(function))) == expected


@pytest.mark.parametrize(("shape", "axis"), [((2, 10), 0), ((2, 1), 0), ((10, 2), 1), ((3, 1), 0)])
def test_an_order_of_two_is_no_chance_where_many_pairs_have_it(shape, axis):
    """Of what adds up along the short axis nothing weaker is meant; what has no order has none."""

    def added(w):
        return ops.cumsum(ops.relu(w), axis=axis)

    def taken_off(w):
        return ops.flip(added(w), axis)

    for function, expected in (
        (added, ci.NonNegative() & ci.Monotone(axis=axis)),
        (taken_off, ci.NonNegative() & ci.Monotone("decreasing", axis=axis)),
        (lambda w: ops.sort(w, axis=axis), ci.Monotone(axis=axis)),
        (ops.relu, ci.NonNegative()),
    ):
        assert meant_set(record_of(as_tensor(function), shape=shape)) == expected


def test_a_start_without_negative_numbers_is_no_share():
    """All of a single sum is a quotient by it, of one draw; another draw tells."""
    scaled = as_tensor(lambda w: w / largest(w))
    assert meant_set(record_of(scaled, "ones")) == ci.SpectralNorm(1.0)
    assert meant_set(record_of(as_tensor(lambda w: 1.0 * w), "ones")) is None
    assert meant_set(record_of(as_tensor(shares), "ones")) == ci.Simplex(1.0, axis=[0])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("start", ["zeros", "ones"])
def test_a_norm_of_many_entries_is_no_sum(dtype, start):
    """Of nearly equal weights the two are nearly alike."""
    dense = layers.Dense(
        8,
        kernel_initializer=start,
        dtype=dtype,
        kernel_constraint=as_tensor(lambda w: w / norms(w)),
    )
    model = keras.Sequential([keras.Input((50,)), dense])
    [record] = [record for record in walk(model) if record.constraint is not None]
    assert meant_set(record) == ci.UnitNorm(axis=[0])


def capped(w):
    return shares(ops.clip(w, 0, 0.4))


def capped_below_a_fourth(w):
    return shares(ops.clip(w, 0, 0.2))


def capped_and_kept(w):
    w = shares(ops.relu(w))
    for _ in range(40):
        w = shares(ops.minimum(w, 0.4))
    return w


@pytest.mark.parametrize(
    ("constraint", "bounds", "said"),
    [
        (
            capped,
            (0.0, 0.4),
            "does not keep its own cap of 0.4: what it does last makes weights as large as 1",
        ),
        (capped_and_kept, (0.0, 0.4), "does not keep its own cap of 0.4"),
        (
            capped_below_a_fourth,
            None,
            "without the bounds of ops.clip(w, 0, 0.2), which could not be told",
        ),
        (lambda w: ops.minimum(shares(ops.relu(w)), 0.4), (0.0, 0.4), ""),
        (shares, None, ""),
    ],
)
@pytest.mark.parametrize("start", ["zeros", "glorot_uniform"])
def test_what_bounds_shares_is_not_lost(constraint, bounds, said, start):
    """Four shares of at most 0.4 there are, of at most 0.2 there are none."""
    record = record_of(constraint, start)
    a_set = meant_set(record)
    whole = ci.Simplex(1.0, axis=[0])
    assert a_set in (
        (whole, ci.SumTo(1.0, axis=[0])) if bounds is None else (whole & ci.Box(*bounds),)
    )
    assert said in bounds_note(record, a_set)
    assert bool(said) == bool(bounds_note(record, a_set))


@pytest.mark.parametrize("total", [1.0, 3.0])
def test_a_sum_and_then_a_clip_mean_the_sum_as_well(total):
    """Each call comes nearer by as little as one entry of forty is, and the sum is above it."""

    def invested(w):
        return ops.relu(w + (total - ops.sum(w, axis=0, keepdims=True)) / w.shape[0])

    record = record_of(as_tensor(invested), shape=(40, 1))
    assert meant_set(record) == ci.Simplex(total, axis=[0])


def test_nothing_is_meant_by_noise():
    """Of which any set is as good as another; little of it does not matter."""
    record = record_of(as_tensor(lambda w: ops.clip(w, -0.5, 0.5)))
    assert meant_set(record, repeat=1.4) is None
    assert meant_set(record, repeat=0.05) == ci.Box(-0.5, 0.5)


# A class without a source, which can not be edited.
exec("""
class Floor(keras.constraints.Constraint):
    def __init__(self, low):
        self.low = low

    def __call__(self, w):
        return keras.ops.maximum(w, self.low)
""")
Floor = keras.saving.register_keras_serializable("test_doctor_meaning")(globals()["Floor"])


def test_a_floor_is_not_offered_the_nonnegative_numbers():
    """What is to paste keeps the floor that the user asked for."""
    dense = layers.Dense(4, kernel_initializer="ones", kernel_constraint=Floor(0.1), name="d")
    model = keras.Sequential([keras.Input((4,)), dense])
    model.compile("sgd", "mse")
    report = ci.diagnose(model, np.ones((8, 4), "float32"), np.ones((8, 4), "float32"), steps=2)
    (finding,) = [f for f in report.findings if f.code == "CW208"]
    assert finding.treatment.healed
    assert "ci.Positive(minimum=0.1)" in finding.treatment.code


class Flow(layers.Layer):
    """A linear flow, whose operator starts at zero."""

    def build(self, shape):
        twice = as_tensor(lambda w: w - ops.transpose(w))
        self.s = self.add_weight(
            name="s", shape=(4, 4), initializer="zeros", constraint=twice
        )  # fmt: skip

    def call(self, x):
        for _ in range(8):
            x = x + ops.matmul(x, self.s)
        return x


def test_what_doubles_its_weight_is_healed():
    """Also where the weight itself is not finite in the end."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), Flow(name="flow")])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    report = ci.diagnose(model, x, x[:, ::-1].copy())
    [finding] = [f for f in report.findings if f.code == "CW205"]
    assert finding.treatment.healed
    assert "ci.SkewSymmetric()" in finding.treatment.code
