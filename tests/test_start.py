"""The start of a layer: what a plan promises, what is drawn, and what a batch corrects."""

import json
import math
import os
import random
import re
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from cases import FEW
from conftest import array
from keras import layers

import constrainit as ci
from constrainit._precision import numpy_dtype
from constrainit._shapes import input_specs, misfits
from constrainit._watched import Calibrated
from constrainit._words import beside
from constrainit.doctor._given_batch import check_batch
from constrainit.doctor._target import TargetError
from constrainit.initializers import Feasible
from constrainit.initializers._activation import Activation, activation
from constrainit.initializers._feasible import drawn
from constrainit.initializers.laws import Wanted

ACTIVATIONS = ("relu", "gelu", "tanh", "sigmoid", "linear")
DEEP = [ci.NonNegative(), ci.Box(0.1, 1), ci.UnitNorm(), ci.Simplex(), ci.Orthogonal()]


def names(sets):
    """Short test names."""
    return [type(one).__name__ for one in sets]


def stack(a_set, phi, depth, width, **dense):
    """A plain stack of planned layers."""
    rows = [keras.Input((width,))]
    for index in range(depth):
        inputs = "data" if index == 0 and depth > 1 else None
        planned = ci.constrained(kernel=a_set, activation=phi, depth=depth, inputs=inputs)
        rows.append(layers.Dense(width, **planned, **dense))
    return keras.Sequential(rows)


def deviations(model, x):
    """The standard deviation over the batch of each layer's pre-activations, by layer."""
    found = []
    for layer in model.layers:
        z = keras.ops.matmul(x, keras.ops.convert_to_tensor(layer.kernel))
        z = array(z + keras.ops.convert_to_tensor(layer.bias)).astype("float64")
        inner = layer.activation
        scale = float(inner.scale) if isinstance(inner, ci.OutputScale) else 1.0
        found.append(scale * z.std(axis=0).mean())
        x = layer(x)
    return found


# Activations


MOMENTS = {
    # mean, variance, E phi', E phi'^2 at mean 0 and deviation 1, from closed forms or quadrature
    "relu": (1 / math.sqrt(2 * math.pi), 0.5 - 1 / (2 * math.pi), 0.5, 0.5),
    "linear": (0.0, 1.0, 1.0, 1.0),
    "tanh": (0.0, 0.394294, 0.605706, 0.464402),
    "sigmoid": (0.5, 0.0433790, 0.2066210, 0.0448362),
    "gelu": (0.2820948, 0.3456440, 0.5, 0.4558509),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_moments(name):
    """The moments of an activation are those of the closed form."""
    found = activation(name).moments(0.0, 1.0)
    values = (found.mean, found.variance, found.slope, found.square_slope)
    np.testing.assert_allclose(values, MOMENTS[name], atol=3e-6)


def test_correlation_of_relu():
    """Two outputs of relu are correlated as the arc-cosine kernel says."""
    for rho in (0.0, 0.3, 0.9, 1.0):
        kernel = (math.sqrt(1 - rho**2) + rho * math.acos(-rho)) / (2 * math.pi)
        expected = (kernel - 1 / (2 * math.pi)) / (0.5 - 1 / (2 * math.pi))
        assert abs(activation("relu").correlation(0.0, 1.0, rho) - expected) < 2e-3


def test_operating_point_loses_one_part_in_depth():
    """At the operating point the Poincare gap is one over the depth, or nothing was to do."""
    for name in (*ACTIVATIONS, "softplus", "elu", "selu", "silu", "leaky_relu", "relu6"):
        phi = activation(name)
        for depth in (1, 4, 20):
            mean, deviation, reached = phi.operating_point(depth)
            assert reached
            assert phi.gap(mean, deviation) <= 1.0 / depth + 1e-4
            if (mean, deviation) != (0.0, 1.0):
                assert phi.gap(mean, deviation) > 0.9 / depth


def test_activation_of_the_users_own():
    """Any callable has moments; one that is constant or breaks is taken as linear, and said."""

    def bent(z):
        return keras.ops.maximum(z, 0.25 * z)

    found = Activation(bent).moments(0.0, 1.0)
    np.testing.assert_allclose(found.slope, 0.625, atol=1e-4)
    assert ci.plan(ci.NonNegative(), 32, activation=bent, depth=6).activation == "bent"
    for wrong in (lambda z: z * float("nan"), lambda z: 1 / 0, "softmax"):
        with pytest.warns(UserWarning, match="taken as linear"):
            plan = ci.plan(ci.UnitNorm(), 32, activation=wrong, depth=6)
        assert plan.activation == "linear"
        assert "taken as linear" in plan.warnings[0]
        assert plan.output_scale == pytest.approx(1.0)


def test_what_may_grow_is_said():
    """A steep activation over many layers, where units share a sum; `calibrate` is the answer."""
    words = "passes on 1.59 times what units have in common at each of 20 layers"
    assert words in str(ci.plan(ci.UnitNorm(), 64, activation="softplus", depth=20)).replace(
        "\n    ", " "
    )
    deep = {"kernel": ci.UnitNorm(), "activation": "softplus", "depth": 20}
    with pytest.warns(UserWarning, match="fit the stack to a batch by calibrate"):
        keras.layers.Dense(64, **ci.constrained(**deep)).build((None, 64))
    for name, depth in (("relu", 50), ("tanh", 50), ("gelu", 20), ("softplus", 6)):
        plan = ci.plan(ci.UnitNorm(), 64, activation=name, depth=depth)
        assert not any("passes on" in line for line in plan.warnings), name


# Laws


LAWS = [
    pytest.param(a_set, wanted, id=f"{type(a_set).__name__}-{number}")
    for number, (a_set, wanted) in enumerate(
        (a_set, Wanted(gain, total, spread, even))
        for a_set in (
            ci.NonNegative(), ci.Positive(1e-3), ci.Positive(0.2), ci.Box(0.1, 1), ci.Box(0, 1),
            ci.Box(-3, -0.001), ci.Box(-1, 1), ci.Box(-0.1, 0.4), ci.Box(-0.02, 0.03),
            ci.MaxNorm(0.5), ci.MaxNorm(9), ci.UnitNorm(), ci.NormRange(2, 3), ci.Simplex(),
            ci.Simplex(3), ci.SumTo(0), ci.SumTo(2), ci.Orthogonal(), ci.Symmetric(),
            ci.SpecialOrthogonal(), ci.SpectralNorm(0.8), ci.NuclearNorm(16.0), ci.LowRank(8),
            ci.PositiveSemidefinite(), ci.PositiveSemidefinite(0.5), ci.Correlation(),
            ci.CholeskyFactor(), ci.CholeskyFactor(0.4), ci.CorrelationCholesky(),
            ci.PositiveSemidefinite(rank=8), ci.SingularValues(1.2, 2.0), ci.Dissipative(),
            ci.Dissipative(0.8),
            ci.SkewSymmetric(), ci.Masked(ci.SkewSymmetric(), np.eye(64) == 0),
            ci.L1Ball(3), ci.L1Ball(0.5), ci.L1Ball(99), ci.L1Sphere(3), ci.MaxAbs(0.1),
            ci.ZeroMean(), ci.GroupL1Ball(20), ci.GroupL1Ball(999), ci.GroupL1Ball(30, axis=-1),
            ci.Masked(ci.GroupL1Ball(20), np.eye(64) == 0),
            ci.Halfspace(None, 1), ci.Halfspace(None, -2), ci.Halfspace([*range(64)], -2),
            ci.Affine(np.eye(64)[:3] - 0.5, [1, 2, 0]), ci.Affine(np.ones((2, 64))),
            ci.RowStochastic(), ci.ColumnStochastic(), ci.DoublyStochastic(), ci.Monotone(),
            ci.Monotone("decreasing", 0.01), ci.Convex(), ci.Concave(),
            ci.Unimodal(), ci.Unimodal("valley", 9),
            ci.Masked(ci.L1Ball(3), np.eye(64) == 0),
            ci.Masked(ci.Halfspace(None, -2), np.eye(64) == 0),
            ci.Blocks(ci.UnitNorm(), 2), ci.Masked(ci.NonNegative(), np.eye(64) == 0),
            ci.Masked(ci.UnitNorm(), np.eye(64) == 0), ci.Masked(ci.Simplex(), np.eye(64) == 0),
            ci.Sign(1), ci.Sign([1, -1, 0, -1] * 16), ci.Sign([[1, -1] * 32]),
            ci.Box(np.linspace(-0.3, 0.2, 64)[:, None], 0.25),
            ci.Box(np.linspace(0.0, 0.01, 64)[:, None], np.linspace(0.02, 3, 64)[:, None]),
            ci.Box(None, np.linspace(-1, 0, 64)[:, None]),
            ci.Box(np.resize([None, 0, -1], (64, 1)), np.resize([-0.1, None, 0.01], (64, 1))),
            ci.Masked(ci.Box(np.zeros((64, 1)), np.ones(64)), np.eye(64) == 0),
            ci.Masked(ci.Box(np.linspace(-1, 1, 64)), np.eye(64) == 0),
            ci.Fixed(np.eye(64), 2), ci.Fixed(np.arange(64) < 20, np.linspace(-3, 4, 64)),
            ci.Grid(1, -1, 1), ci.Grid(2, -1, 1), ci.Grid(0.1, -0.77, 2), ci.Grid(1, 0, 3),
            ci.Grid(2**-8, 0, 1), ci.Grid(1, -4, -1), ci.Masked(ci.Grid(1), np.eye(64) == 0),
            ci.Triangular(), ci.Diagonal(), ci.Banded(2, 3), ci.Toeplitz(), ci.Circulant(),
            ci.Simplex() & ci.TopK(32), ci.NonNegative() & ci.Sparse(2, 4),
            ci.UnitNorm() & ci.TopK(9), ci.TopK(9) & ci.L1Ball(0.5),
            ci.TopK(5), ci.Sparse(2, 4), ci.Masked(ci.Sparse(2, 4), np.eye(64) == 0),
        )
        for gain, total, spread, even in ((1.0, 1.0, 1.0, False), (1.3, 1.1, 0.05, True))
    )
]  # fmt: skip


# The law is the same on all backends, and what is drawn nearly so.
@pytest.mark.in_turns(every=4)
@pytest.mark.parametrize(("a_set", "wanted"), LAWS)
def test_law_against_monte_carlo(a_set, wanted):
    """Mean, norm and effective inputs of the draws are those of the law, to three errors."""
    shape, count = (64, 64), 24
    a_set = a_set.resolve((0,))
    law = a_set._law_of(shape, (0,), wanted)
    draws = [array(drawn(a_set, shape, "float32", seed, wanted, (0,))) for seed in range(count)]
    w = np.stack(draws).astype("float64")
    # Units of one draw may depend on one another; draws do not.
    for statistic, expected in (
        (w.sum(axis=1).mean(axis=1), law.total),
        (np.square(w).sum(axis=1).mean(axis=1), law.norm**2),
    ):
        error = statistic.std(ddof=1) / math.sqrt(count)
        slack = 1e-5 * (1 + abs(expected)) if law.exact else 0.1 * law.norm**2
        assert abs(statistic.mean() - expected) <= 3.5 * error + slack
    np.testing.assert_allclose(law.mean, law.total / law.fan_in)
    if law.positive:
        effective = w.sum(axis=1) ** 2 / np.square(w).sum(axis=1)
        np.testing.assert_allclose(effective.mean(), law.effective_inputs, rtol=0.03)


ONE = [
    ci.MaxNorm(2.0),
    ci.MaxNorm(0.1),
    ci.L1Ball(2.0),
    ci.L1Ball(0.1),
    ci.NormRange(0.1, 2.0),
    ci.Monotone(),
    ci.Convex(),
    ci.Unimodal(),
    ci.TopK(1),
    ci.NonNegative(),
    ci.MaxAbs(0.3),
]
TWO = [
    *ONE,
    ci.Monotone("decreasing", 0.1),
    ci.SumTo(1.0),
    ci.ZeroMean(),
    ci.Sparse(1, 2),
    ci.Halfspace([1.0, 2.0], 1.0),
    ci.Affine([[1.0, 2.0]], 1.0),
    ci.Box(-0.1, 0.3),
    ci.Monotone() & ci.Box(-1.0, 1.0),
    ci.Fixed([[1], [0]], 0.5),
    ci.Masked(ci.MaxNorm(2.0), [[1], [0]]),
]


@pytest.mark.in_turns(every=4)
@pytest.mark.parametrize(("a_set", "size"), [(s, 1) for s in ONE] + [(s, 2) for s in TWO])
def test_units_of_few_inputs_differ(a_set, size):
    """Units that begin alike stay alike: where a set leaves a choice, each has its own weights."""
    w = array(a_set.resolve((0,)).initializer(seed=3)((size, 24)))
    assert len(np.unique(w, axis=1).T) > 20
    law = a_set.resolve((0,))._law_of((size, 4000), (0,), Wanted())
    many = array(drawn(a_set.resolve((0,)), (size, 4000), "float32", 1, Wanted(), (0,)))
    if law is not None and law.exact:
        np.testing.assert_allclose(np.square(many).sum(axis=0).mean(), law.norm**2, rtol=0.1)


@pytest.mark.parametrize("a_set", [ci.NonNegative(), ci.Simplex(), ci.UnitNorm(), ci.Orthogonal()])
def test_even_sums(a_set):
    """In a plan all units have the same sum of weights, so that one constant bias serves them."""
    for shape, depth in (((48, 48), 2), ((48, 48), 12), ((60, 24), 12), ((24, 60), 12)):
        drawn = Feasible(a_set, 3, activation="tanh", depth=depth)(shape)
        assert array(drawn).sum(axis=0).std() < 2e-6 * math.sqrt(shape[0])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_simplex_sums_are_exact_in_every_order(dtype):
    """Weights of a simplex sum to the total exactly, forward, backward and in pairs."""
    for fan_in, total in ((1, 0.3), (2, 1.0), (7, 3.0), (300, 0.3), (4096, 1.0)):
        drawn = ci.Simplex(total).initializer(1)((fan_in, 5), dtype=dtype)
        w = array(drawn).astype(numpy_dtype(dtype))
        stored = np.asarray(total).astype(w.dtype)
        for order in (slice(None), slice(None, None, -1), np.argsort(w[:, 0])):
            running = np.zeros(5, w.dtype)
            for row in w[order]:
                running = (running + row).astype(w.dtype)
            assert (running == stored).all()


@pytest.mark.parametrize("case", [c for c in FEW if len(c.shape) == 2], ids=lambda c: c.name)
def test_planned_draws_are_members(case):
    """What is drawn for an activation and a depth is a member, from each backend's own numbers."""
    a_set = case.make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        drawn = Feasible(a_set, 2, activation="relu", depth=9)(case.shape)
    assert case.is_member(array(drawn), "float32")


@pytest.mark.parametrize(
    ("fan_in", "dtype"),
    [
        (1, "bfloat16"),
        (2, "float32"),
        (1000, "bfloat16"),
        (65_536, "bfloat16"),
        (65_536, "float32"),
    ],
)
def test_draws_of_any_fan_in_are_members(fan_in, dtype):
    """From one input to 65,536, in every dtype, planned or not."""
    sets = [*DEEP[:4], ci.MaxNorm(0.5), ci.Positive(), ci.SumTo(1), ci.Box(-0.01, 0.02)]
    for a_set in sets if fan_in < 2000 else sets[:2] + sets[3:4]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            for phi in (None, "tanh"):
                drawn = Feasible(a_set, 0, activation=phi, depth=5)((fan_in, 3), dtype=dtype)
                assert np.isfinite(array(drawn).astype("float32")).all()
                assert float(a_set.violation(drawn)) == 0.0
                assert np.ptp(array(drawn).astype("float32")) > 0 or fan_in == 1


def test_base_is_matched_inside_the_set():
    """A Keras initializer of any scale ends in the set with the size of the plan."""
    base = keras.initializers.RandomNormal(mean=0.3, stddev=7.0, seed=1)
    for a_set in (ci.NonNegative(), ci.Box(-1, 1), ci.MaxNorm(4.0), ci.Symmetric()):
        start = Feasible(a_set, base=base, activation="relu", depth=3)
        drawn = array(start((64, 64)))
        law = start.start((64, 64)).law
        assert float(a_set.violation(drawn)) == 0.0
        size = drawn.sum(0).mean() if law.positive else math.sqrt(np.square(drawn).sum(0).mean())
        np.testing.assert_allclose(size, law.total if law.positive else law.norm, rtol=0.02)


@pytest.mark.parametrize(
    ("a_set", "base"),
    [
        (ci.NonNegative(), keras.initializers.RandomUniform(-2, -1)),
        (ci.Box(0.1, 1), keras.initializers.Constant(7.0)),
    ],
)
def test_a_base_that_makes_all_units_alike(a_set, base):
    """It is projected all the same, and a warning says so; a bias of zeros is none of its cases."""
    with pytest.warns(
        UserWarning, match=r"`base` of `\w+.initializer` gives all units the same weights"
    ):
        drawn = a_set.initializer(base=base)((4, 3))
    assert float(a_set.violation(drawn)) == 0.0
    bias = ci.constrained(bias=ci.Box(0, 1))
    layers.MultiHeadAttention(2, 3, **bias).build((1, 5, 6), (1, 5, 6))
    layers.GRU(3, **bias).build((1, 5, 6))


def test_draws_inside_a_compiled_function():
    """A planned draw can be traced, as in the sharded initialization of a large model."""
    initializers = [Feasible(s, 1, activation="gelu", depth=6) for s in DEEP]
    shape = (48, 24)

    def make():
        return [start(shape, dtype="bfloat16") for start in initializers]

    if keras.backend.backend() == "jax":
        import jax

        made = jax.jit(make)()
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        made = tf.function(make)()
    else:
        made = make()
    for a_set, made_one in zip(DEEP, made, strict=True):
        assert float(a_set.violation(made_one)) == 0.0


def test_initializer_round_trip():
    """From JSON comes an initializer that draws the same bits for the same plan."""
    start = Feasible(ci.NonNegative(), 4, activation="tanh", depth=7, inputs="relu")
    saved = json.loads(json.dumps(keras.saving.serialize_keras_object(start)))
    copy = keras.saving.deserialize_keras_object(saved)
    np.testing.assert_array_equal(array(copy((8, 6))), array(start((8, 6))))
    assert copy.get_config() == start.get_config()


# Plans


@pytest.mark.parametrize("phi", ["relu", "sigmoid"])
@pytest.mark.parametrize("a_set", DEEP, ids=names(DEEP))
def test_signal_keeps_its_scale(a_set, phi):
    """Through 24 layers the pre-activations deviate as planned: neither dead nor exploded."""
    depth, width = 24, 64
    x = np.random.default_rng(0).normal(size=(256, width)).astype("float32")
    plan = ci.plan(a_set, width, activation=phi, depth=depth)
    found = deviations(stack(a_set, phi, depth, width), x)
    assert min(found) > 0.25
    assert max(found) < 3.5
    # Narrow layers spread by chance; the benchmark has the figures for wide ones.
    np.testing.assert_allclose(np.log(found), np.log(plan.deviations), atol=0.7)


def test_plan_is_deterministic_and_plain():
    """The same question gets the same answer, as JSON too."""
    one, two = (ci.plan(ci.Box(0.1, 1), 64, activation="relu", depth=9) for _ in range(2))
    assert json.dumps(one.to_dict()) == json.dumps(two.to_dict())
    assert str(one) == str(two)
    state = random.getstate()
    ci.plan(ci.Box(0.1, 1), 65, activation="relu", depth=9)
    assert random.getstate() == state
    assert one.law in str(one)
    assert f"{one.output_scale:.4g}" in str(one)
    free = ci.plan(ci.UnitNorm(), 256)
    assert free.adam_step == pytest.approx(1e-3 * 16)
    assert "a first step of Adam at 1e-3 moves an entry by 1.6 % of its scale" in str(free)


def test_plan_in_words():
    """The page reads as it did when it was last looked at (`UPDATE_EXPECTED=1` rewrites it)."""
    path = Path(__file__).parent / "expected" / "plan.txt"
    text = str(ci.plan(ci.NonNegative(), 256, activation="tanh", depth=8)) + "\n"
    if os.environ.get("UPDATE_EXPECTED"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_plan_says_what_can_not_be_had():
    """Dense positive weights lose features, a fixed size without a scale the signal."""
    dense = ci.plan(ci.Box(0.1, 1), 256, activation="relu", depth=20)
    assert not dense.ok
    assert "same function" in " ".join(dense.warnings)
    assert 5 < dense.feature_depth["float32"] < 7
    far = ci.plan(ci.Box(5, 6), 256, activation="relu", depth=2, output_scale=False)
    assert "1404" in " ".join(far.warnings)
    assert "constrained" in " ".join(far.warnings)
    assert ci.plan(ci.UnitNorm(), 256, activation="tanh", depth=20).ok


def test_jump_is_that_of_a_projected_glorot_draw():
    """The known jumps: 0.71 for NonNegative, 1.89 for Box(0.1, 1), 0.03 for UnitNorm."""
    jumps = {NonNeg: ci.plan(NonNeg, 256).jump for NonNeg in (ci.NonNegative(), ci.Box(0.1, 1))}
    np.testing.assert_allclose(list(jumps.values()), [0.708, 1.89], rtol=0.01)
    assert ci.plan(ci.UnitNorm(), 256).jump == pytest.approx(0.028, rel=0.2)


def test_range_of_the_gradient():
    """Where few examples carry the gradient, the plan's range holds that of real draws."""
    plan = ci.plan(ci.Box(0.1, 1), 128, activation="tanh", depth=30)
    low, high = plan.gradient_range
    assert low < plan.gradient_ratio < high
    assert f"{low:.3g} to {high:.3g} in 95 of 100 batches" in str(plan)
    values = np.sort(array(plan.kernel((128, 128)))[:, 0]).astype("float64")
    size = plan.output_scale
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        a, kernels, slopes = rng.standard_normal((512, 128)), [], []
        for layer in range(30):
            kernels.append(size * rng.permuted(np.tile(values[:, None], 128), axis=0))
            z = a @ kernels[-1]
            z *= 1 if layer else plan.deviation / z.std(axis=0).mean()
            a = np.tanh(z)
            slopes.append(1 - a**2)
        first = last = rng.standard_normal((512, 128))
        for kernel, slope in zip(kernels[:0:-1], slopes[-2::-1], strict=True):
            first = first @ kernel.T * slope
        found.append(np.sqrt(np.mean(first**2) / np.mean(last**2)))
    assert np.median(found) == pytest.approx(plan.gradient_ratio, rel=0.35)
    assert sum(0.7 * low < one < 1.3 * high for one in found) >= 11
    plain = ci.plan(ci.UnitNorm(), 128, activation="tanh", depth=30)
    assert plain.gradient_range == (plain.gradient_ratio, plain.gradient_ratio)


def test_overflow_depth():
    """A scale that is not free and a plan without an output scale overflow where it says."""
    plan = ci.plan(ci.Box(0.1, 1), 256, activation="relu", depth=40, output_scale=False)
    depth = plan.overflow_depth["float16"]
    x = np.random.default_rng(0).normal(size=(64, 256)).astype("float32")
    start = Feasible(ci.Box(0.1, 1), 0, activation="relu", depth=40)
    level = 0
    with pytest.warns(UserWarning, match="multiplies it by about 96"):
        h, w = x, array(start((256, 256)))
    while np.abs(h).max() < 65504:
        h, level = np.maximum(h @ w, 0), level + 1
    assert abs(level - depth) <= 1.5


# Layers


def test_constrained_layer_is_saved_loaded_and_trained(tmp_path):
    """A planned model fits, keeps its scale through save and load, and stays inside."""
    x = np.random.default_rng(0).normal(size=(64, 16)).astype("float32")
    for a_set in (ci.Box(0.1, 1), ci.Orthogonal()):
        model = stack(a_set, "tanh", 4, 16)
        model.compile("sgd", "mse")
        model.fit(x, np.zeros((64, 16)), verbose=0)
        assert ci.check(model).ok
        path = tmp_path / "model.keras"
        model.save(path)
        loaded = keras.saving.load_model(path)
        for one, two in zip(model.layers, loaded.layers, strict=True):
            assert float(one.activation.scale) == float(two.activation.scale)
        np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_half_precision(policy):
    """Planned layers keep the signal in half precision, with half-precision variables too."""
    x = np.random.default_rng(0).normal(size=(128, 32)).astype("float32")
    for a_set in (ci.NonNegative(), ci.UnitNorm()):
        model = stack(a_set, "relu", 12, 32, dtype=policy)
        assert ci.check(model).ok
        computed = keras.backend.standardize_dtype(model(x).dtype)
        assert computed == model.layers[1].compute_dtype
        out = array(model(x)).astype("float32")
        assert np.isfinite(out).all()
        assert 0.1 < out.std() < 10


def test_layers_with_other_kernels():
    """Convolutions, transposed ones, EinsumDense and layers without a bias are planned too."""
    x = np.random.default_rng(0).normal(size=(8, 12, 12, 6)).astype("float32")
    planned = {"activation": "relu", "depth": 3}
    model = keras.Sequential(
        [
            keras.Input((12, 12, 6)),
            layers.Conv2D(
                8, 3,
                **ci.constrained(
                    kernel=ci.NonNegative(), bias=ci.Box(-9, 9), inputs="data", **planned
                ),
            ),
            layers.Conv2DTranspose(8, 3, **ci.constrained(kernel=ci.UnitNorm(), **planned)),
            layers.DepthwiseConv2D(3, **ci.constrained(depthwise=ci.UnitNorm(), **planned)),
            layers.EinsumDense(
                "abcd,de->abce", (10, 10, 5), bias_axes="e",
                **ci.constrained(kernel=ci.Simplex(), **planned),
            ),
            layers.Flatten(),
            layers.Dense(
                4, use_bias=False, **ci.constrained(kernel=ci.Orthogonal(), activation="tanh")
            ),
        ]
    )  # fmt: skip
    assert ci.check(model).ok
    assert 0.05 < array(model(x)).std() < 5
    # The mean of relu times the sum of the weights is taken off by the bias.
    conv = model.layers[0]
    plan = ci.plan(ci.NonNegative(), 54, 8, "relu", depth=3, inputs="data")
    np.testing.assert_allclose(array(conv.bias), plan.bias, atol=1e-6)
    np.testing.assert_allclose(array(conv.kernel).sum(axis=(0, 1, 2)), plan.column_sum, rtol=1e-5)


def test_gates_of_a_recurrent_kernel():
    """Each gate's block is orthogonal from the start, of spectral radius one."""
    sets = {"recurrent": ci.Blocks(ci.Orthogonal(), 4), "kernel": ci.Blocks(ci.UnitNorm(), 4)}
    layer = layers.LSTM(8, **ci.constrained(**sets))
    layer.build((None, 5, 3))
    assert ci.check(layer).ok
    for gate in np.split(array(layer.cell.recurrent_kernel), 4, axis=1):
        np.testing.assert_allclose(np.abs(np.linalg.eigvals(gate)), 1.0, atol=1e-5)


def test_spectral_radius_of_a_recurrent_kernel():
    """A state neither fades nor explodes: matrices of a structure are drawn smaller for it."""
    for a_set in (ci.Symmetric(), ci.PositiveSemidefinite(), ci.Circulant()):
        layer = layers.SimpleRNN(48, **ci.constrained(recurrent=a_set))
        layer.build((None, 5, 3))
        assert ci.check(layer).ok
        radius = np.abs(np.linalg.eigvals(array(layer.cell.recurrent_kernel))).max()
        assert 0.75 < radius < 1.3, a_set
        model = keras.Sequential([keras.Input((5, 3)), layers.SimpleRNN(48)])
        ci.constrain(model, {"*/recurrent_kernel": a_set})
        ci.prepare(model, seed=1)
        radius = np.abs(np.linalg.eigvals(array(model.layers[0].cell.recurrent_kernel))).max()
        assert 0.75 < radius < 1.3, a_set
    layer = layers.SimpleRNN(48, **ci.constrained(recurrent=ci.Box(0.1, 1)))
    with pytest.warns(UserWarning, match=r"no members of the wanted scale.* each step multiplies"):
        layer.build((None, 5, 3))


def test_output_scale_alone():
    """As a layer of its own; without a scale and without a plan it says what to write."""
    layer = ci.OutputScale("relu", 2.0, trainable=True)
    np.testing.assert_allclose(array(layer(np.array([[-1.0, 3.0]]))), [[0.0, 6.0]])
    assert len(layer.trainable_weights) == 1
    copy = ci.OutputScale.from_config(layer.get_config())
    assert array(copy.scale) == 2.0
    assert copy.trainable
    with pytest.raises(ValueError, match=r"Write OutputScale\(activation, scale=\.\.\.\)"):
        ci.OutputScale("relu")(np.ones((1, 2)))
    with pytest.raises(ValueError, match="`scale` of `OutputScale` must be a finite number"):
        ci.OutputScale("relu", float("nan"))
    with pytest.raises(ValueError, match="`scale` of `OutputScale` must not be 0"):
        ci.OutputScale("relu", 0)


def test_named_inputs_are_compared_by_name():
    """In whatever order: the names sort otherwise than the inputs of the model do."""
    wide, narrow = keras.Input((6,), name="wide"), keras.Input((2,), name="narrow")
    kernel = ci.constrained(kernel=ci.MaxNorm(2.0))
    both = keras.layers.Concatenate()([wide, narrow])
    model = keras.Model([wide, narrow], keras.layers.Dense(3, "tanh", **kernel)(both))
    x = {"narrow": np.ones((8, 2), "float32"), "wide": np.ones((8, 6), "float32")}
    assert misfits(input_specs(model), x) == []
    assert misfits(input_specs(model), [x["wide"], x["narrow"]]) == []
    assert misfits(input_specs(model), {"wide": x["wide"]}) == [(None, (None, 2))]
    other = {**x, "wide": x["narrow"]}
    assert misfits(input_specs(model), other) == [((8, 2), (None, 6))]
    with pytest.raises(TargetError, match=r"must have the inputs.*It has 'narrow'.*\(8, 2\)"):
        check_batch(model, other, "It")
    check_batch(model, x, "It")


def test_bake_keeps_the_function():
    """The baked copy is plain Keras and computes the same; the model stays as it was."""
    x = np.random.default_rng(0).normal(size=(32, 16)).astype("float32")
    model = stack(ci.UnitNorm(), "sigmoid", 5, 16)
    plain = ci.bake(model)
    np.testing.assert_allclose(
        plain.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5
    )
    assert not any(isinstance(layer.activation, ci.OutputScale) for layer in plain.layers)
    assert not any("constrainit" in json.dumps(layer.get_config()) for layer in plain.layers)
    assert ci.check(model).ok
    assert len(model.weights) == len(plain.weights) + 5


# A batch


@pytest.mark.parametrize("a_set", DEEP, ids=names(DEEP))
def test_calibrate_reaches_what_is_wanted(a_set):
    """On skewed, correlated data every layer gets the wanted mean and deviation, inside its set."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(128, 3)) @ rng.normal(size=(3, 24)) + 4).astype("float32")
    model = stack(a_set, "relu", 6, 24)
    rows = ci.calibrate(model, x)
    assert [row.layer for row in rows] == [layer.path for layer in model.layers]
    for row in rows:
        np.testing.assert_allclose(row.mean[1], row.wanted[0], atol=1e-3)
        np.testing.assert_allclose(row.deviation[1], row.wanted[1], rtol=1e-3)
    assert ci.check(model).ok
    # What it says is what the model now does.
    np.testing.assert_allclose(deviations(model, x)[-1], rows[-1].deviation[1], rtol=0.2)
    again = ci.calibrate(model, x)
    np.testing.assert_allclose(again[-1].deviation[0], again[-1].wanted[1], rtol=2e-3)


def test_calibrate_a_start_outside():
    """A kernel that Keras drew outside of its set is moved in first: what is said is what is so."""
    keras.utils.set_random_seed(0)
    start = {"activation": "sigmoid", "kernel_constraint": keras.constraints.NonNeg()}
    model = keras.Sequential([keras.Input((3,)), *(layers.Dense(16, **start) for _ in range(6))])
    x = np.random.default_rng(0).normal(size=(256, 3)).astype("float32")
    rows = ci.calibrate(model, x)
    assert ci.check(model).ok
    for row in rows:
        np.testing.assert_allclose(row.deviation[1], row.wanted[1], rtol=1e-3)
    assert array(model(x)).std(0).min() > 0.05


class Residual(keras.Model):
    """A subclassed model with a shared layer and a residual branch."""

    def __init__(self):
        super().__init__()
        arguments = ci.constrained(kernel=ci.NonNegative(), bias=ci.Box(-0.1, 0.1))
        self.first = layers.Dense(12, "tanh", **arguments)
        self.shared = layers.Dense(12, "relu", **ci.constrained(kernel=ci.UnitNorm()))
        self.frozen = layers.Dense(12, kernel_constraint="non_neg", trainable=False)

    def call(self, x):
        h = self.first(x)
        for _ in range(3):
            h = h + self.shared(h)
        return self.frozen(h)


def test_calibrate_any_model():
    """Subclassed, shared, residual: each layer once, biases within their sets, frozen untouched."""
    model = Residual()
    x = np.random.default_rng(0).normal(size=(64, 5)).astype("float32") + 1
    model(x)
    frozen = [array(v).copy() for v in model.frozen.weights]
    rows = ci.calibrate(model, x)
    assert [row.layer.split("/")[-1] for row in rows] == [model.first.name, model.shared.name]
    assert rows[0].changed == ("kernel", "bias")
    assert rows[1].changed == ("bias",)
    assert np.abs(array(model.first.bias)).max() <= 0.1
    assert float(ci.NonNegative().violation(model.first.kernel)) == 0.0
    for before, after in zip(frozen, model.frozen.weights, strict=True):
        np.testing.assert_array_equal(before, array(after))
    assert model.first.activation is keras.activations.tanh


def test_calibrate_a_layer_that_is_called_in_a_row(rng):
    """The scale of a shared layer acts at each call: no call fades or explodes."""
    x = (30 * rng.normal(size=(96, 12))).astype("float32")
    for a_set in (ci.UnitNorm(), ci.Symmetric()):
        shared = layers.Dense(12, **ci.constrained(kernel=a_set, activation="tanh", depth=8))
        inputs = h = keras.Input((12,))
        for _ in range(8):
            h = shared(h)
        model = keras.Model(inputs, layers.Dense(2, **ci.constrained(kernel=ci.NonNegative()))(h))
        rows = ci.calibrate(model, x)
        assert [row.layer for row in rows] == [shared.path, model.layers[-1].path]
        assert ci.check(model).ok
        scale = float(getattr(shared.activation, "scale", 1.0))
        z, found = x, []
        for _ in range(8):
            z = scale * (z @ array(shared.kernel) + array(shared.bias))
            found.append(z.std(axis=0).mean() / rows[0].wanted[1])
            z = np.tanh(z)
        # The data are far too large for the first call; the others are as wanted.
        assert 0.4 < min(found[1:]) < max(found[1:]) < 2.5, found
        np.testing.assert_allclose(rows[1].deviation[1], rows[1].wanted[1], rtol=1e-3)


def test_calibrate_a_layer_that_is_called_side_by_side(rng):
    """Two branches share a layer: its scale serves both."""
    shared = layers.Dense(8, **ci.constrained(kernel=ci.UnitNorm(), activation="relu"))
    one, two = keras.Input((6,)), keras.Input((6,))
    model = keras.Model([one, two], layers.Add()([shared(one), shared(two)]))
    x = rng.normal(size=(2, 64, 6)).astype("float32")
    (row,) = ci.calibrate(model, [x[0], 4 * x[1]])
    scale, kernel = float(shared.activation.scale), array(shared.kernel)
    near, far = (scale * (v @ kernel).std(0).mean() / row.wanted[1] for v in (x[0], 4 * x[1]))
    assert 0.25 < near < 1 < far < 2.5


ARRAYS = r"`x` of `\w+` must be an array of examples, .*\. Received: x="

WRONG = [
    ("x", ARRAYS + "'x'"),
    (3, ARRAYS + "3"),
    (["x", "y"], ARRAYS + "'x'"),
    (np.float32(1), ARRAYS),
    (iter([1.0]), ARRAYS + "<"),
    (np.zeros((0, 6), "float32"), r"must hold examples\. Received: shape=\(0, 6\)"),
    (np.full((4, 6), np.nan, "float32"), r"must be finite\. Received: 24 of 24 numbers"),
    (np.ones((8, 6), "float32"), "must tell examples apart in every layer"),
    (np.ones((1, 6), "float32"), r"must hold several examples\. Received: a batch of one"),
    (np.ones((8, 7), "float32"), r"that '\w+' takes, \(None, 6\)\. Received: shape=\(8, 7\)\.$"),
    (np.ones((6,), "float32"), r"that '\w+' takes, \(None, 6\)\. Received: shape=\(6,\)\.$"),
    ({"kernel": ci.NonNegative()}, r"Received: x=NonNegative\(\)\. Give a model its sets with con"),
]


@pytest.mark.parametrize(("x", "message"), WRONG)
def test_batch_that_is_of_no_use(x, message):
    """One error that says why; the model is what it was, bit for bit, its layers too."""
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4, "relu"), layers.Dense(4)])
    ci.constrain(model, {"*/kernel": ci.NonNegative()})
    before = [array(v).copy() for v in model.variables]
    for call in (ci.calibrate, ci.prepare):
        with pytest.raises(ValueError, match=message):
            call(model, x)
        for old, new in zip(before, model.variables, strict=True):
            np.testing.assert_array_equal(old, array(new))
        assert model.layers[0].activation is keras.activations.relu


def test_batch_that_a_model_does_not_take():
    """What a model of one's own says of it, without what Keras puts around it."""

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(4, kernel_constraint=ci.NonNegative())

        def call(self, x):
            return self.dense(x)

    model = Own()
    model(np.ones((2, 6), "float32"))
    with pytest.raises(ValueError, match="`x` of `prepare` must be a batch that") as told:
        ci.prepare(model, np.ones((8, 7), "float32"))
    assert "shape=(8, 7), of which it says ValueError: Input 0" in str(told.value)
    assert "Exception encountered" not in str(told.value)
    assert "\n" not in str(told.value)


def test_prepare_with_a_batch():
    """A model that somebody else wrote starts inside, and its signal keeps its scale."""
    x = np.random.default_rng(0).normal(size=(128, 16)).astype("float32")
    rows = [layers.Dense(16, "tanh", kernel_constraint="non_neg") for _ in range(10)]
    model = keras.Sequential([keras.Input((16,)), *rows])
    done = ci.prepare(model, x, seed=0)
    assert len(done) == len(str(done).splitlines()) == 20
    assert ci.check(model).ok
    assert 0.3 < min(deviations(model, x)) < max(deviations(model, x)) < 3
    kernels = [array(layer.kernel).copy() for layer in model.layers]
    ci.prepare(model, seed=0)
    for before, layer in zip(kernels, model.layers, strict=True):
        np.testing.assert_array_equal(before, array(layer.kernel))


# A set that starts itself


@pytest.mark.parametrize("start", ["glorot_uniform", "zeros", "ones", "random_normal"])
@pytest.mark.parametrize("a_set", [*DEEP, ci.Positive(), ci.MaxNorm(0.1)], ids=repr)
def test_self_starting_at_build(a_set, start):
    """Whatever the initializer gives, the layer starts inside, with units that differ."""
    layer = layers.Dense(6, kernel_constraint=ci.SelfStarting(a_set), kernel_initializer=start)
    layer.build((None, 12))
    assert float(a_set.resolve((0,)).violation(layer.kernel)) == 0.0
    assert type(layer.kernel.constraint) is ci.SelfStarting


def test_self_starting_at_the_first_application():
    """Far outside: drawn anew; a little outside: projected; inside: the same bits."""
    a_set = ci.SelfStarting(ci.Box(0.1, 1), seed=3)
    far = np.linspace(-1, 1, 40).astype("float32").reshape(10, 4)
    drawn = array(a_set(far))
    assert float(a_set.violation(drawn)) == 0.0
    assert len(np.unique(drawn)) == 40
    np.testing.assert_array_equal(array(a_set(drawn)), drawn)
    near = drawn.copy()
    near[0, 0] = 0.05
    np.testing.assert_array_equal(array(a_set(near)), array(ci.Box(0.1, 1).project(near)))
    np.testing.assert_array_equal(array(a_set.project(far)), array(ci.Box(0.1, 1).project(far)))
    assert np.isnan(array(a_set(far * np.nan))).all()


def test_self_starting_in_training(tmp_path):
    """Attached to a built model it starts the weight at the first step; saved and loaded."""
    x = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")
    model = keras.Sequential([keras.Input((8,)), layers.Dense(8, "tanh"), layers.Dense(1)])
    ci.constrain(model, {"*/kernel": ci.SelfStarting(ci.NonNegative(), seed=1)})
    model.compile("sgd", "mse")
    model.fit(x, x.sum(1), epochs=2, verbose=0)
    assert ci.check(model).ok
    kernel = array(model.layers[0].kernel)
    assert (kernel > 0).mean() > 0.9
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].kernel_constraint == model.layers[0].kernel_constraint


# Bad input


def test_no_member_of_the_wanted_scale():
    """Still a feasible start, with the number and the way out in the warning."""
    for a_set, number in (
        (ci.Box(5, 6), "1404"), (ci.Positive(1), "512"), (ci.MaxNorm(1e-3), "0.001")
    ):  # fmt: skip
        message = rf"no members of the wanted scale.*{number}"
        with pytest.warns(UserWarning, match=message):
            drawn = a_set.initializer(0)((256, 8))
        assert float(a_set.violation(drawn)) == 0.0
        with pytest.warns(UserWarning, match=message):
            a_set.initializer(0, activation="relu")((256, 8))
        with pytest.warns(UserWarning, match=message):
            layers.Dense(8, kernel_constraint=ci.SelfStarting(a_set)).build((None, 256))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            planned = ci.constrained(kernel=a_set, activation="relu")
            layer = layers.Dense(8, **planned)
            layer.build((None, 256))
        assert not 0.1 < float(layer.activation.scale) < 100


def test_unknown_activation_is_said():
    """It is taken as linear: an initializer warns, a calibrated layer's line has it."""
    with pytest.warns(UserWarning, match="'nope' can not be measured and is taken as linear"):
        drawn = ci.UnitNorm().initializer(0, activation="nope")((6, 4))
    assert float(ci.UnitNorm().violation(drawn)) == 0.0
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(4, "relu", kernel_constraint=ci.NonNegative()),
            layers.Dense(4, "softmax", kernel_constraint=ci.NonNegative()),
        ]
    )
    x = np.random.default_rng(0).normal(size=(32, 6)).astype("float32")
    _, plain, last = [str(row) for row in ci.prepare(model, x, seed=0)][-3:]
    assert "taken as linear" not in plain
    assert "'softmax' is constant or works across units and is taken as linear" in last


def recurrent():
    """A recurrent layer with a plan."""
    layer = layers.LSTM(8, **ci.constrained(kernel=ci.UnitNorm(), activation="tanh"))
    layer.build((None, 5, 3))


WRONG_ARGUMENTS = [
    (lambda: ci.plan(ci.UnitNorm(), 0), "`fan_in` of `plan` must be an integer of at least 1"),
    (
        lambda: ci.plan(ci.UnitNorm(), 4, depth=0),
        "`depth` of `plan` must be an integer of at least",
    ),
    (lambda: ci.plan(ci.UnitNorm(), 4, input_rms=0), "`input_rms` of `plan` must be positive"),
    (lambda: ci.plan(ci.UnitNorm(), 4, input_correlation=1), r"must lie in \[0, 1\)"),
    (lambda: ci.plan(ci.Symmetric(), 4, 5), "two axes have one size"),
    (lambda: ci.plan("non_neg", 4, "relu"), r"must be an integer or None.*Write activation='relu'"),
    (
        lambda: ci.plan("non_neg", 4, inputs="dta"),
        "`inputs` of `plan` must be \"data\", the name.*Write inputs='data' instead",
    ),
    (
        lambda: ci.constrained(kernel="non_neg", activation="relu", inputs="sigmod"),
        "Received: inputs='sigmod'. Write inputs='sigmoid' instead",
    ),
    (
        lambda: Feasible(ci.UnitNorm(), inputs=5),
        '`inputs` of `UnitNorm.initializer` must be "data".*Received: inputs=5.',
    ),
    (lambda: ci.constrained(kernel="non_neg", depth=2.0), "`depth` of `constrained` must be"),
    (lambda: recurrent(), "Received: a LSTMCell, whose gates have their own"),
    (lambda: ci.plan("no_set", 4), "`set` of `plan` must be a set"),
    (
        lambda: Feasible(ci.UnitNorm(), activation="relu", depth=2)((0, 4)),
        "must hold at least one weight",
    ),
    (
        lambda: Feasible(ci.UnitNorm(), depth=-1),
        "`depth` of `UnitNorm.initializer` must be an integer",
    ),
    (lambda: ci.constrained(), r"must be given a set\. Received: none"),
    (lambda: ci.constrained(kernel="non_neg", depth=3), "must be given with `depth`"),
    (lambda: ci.constrained(bias="non_neg", activation="relu"), "decides the start of a kernel"),
    (
        lambda: ci.constrained(kernel="non_neg", kernel_initializer="he_normal"),
        r"gives a weight its start\. Received: kernel_initializer='he_normal'\. For one of your "
        r"own write Dense\(\.\.\., kernel_constraint=a_set, kernel_initializer=\.\.\.\), and, to "
        r"have it taken into the set, kernel_initializer=a_set\.initializer\(base=\.\.\.\)",
    ),
    (lambda: ci.constrained(kernl="non_neg"), r"Received: kernl='non_neg'\. Write kernel=\.\.\. "),
    (
        lambda: ci.constrained(kernel="non_neg", activation="rleu"),
        r"`activation` of `constrained` must be the name.*'rleu'\. Write activation='relu' instead",
    ),
    (lambda: ci.L1Ball(1).project(np.zeros((0, 3), "float32")), "`w` of `L1Ball` must hold at"),
    (lambda: ci.plan(ci.ConvSpectralNorm(), 27, 8), r"shape=\(27, 8\)\. For a matrix use Spectral"),
    (lambda: ci.SelfStarting("non_neg", jump=0), "`jump` of `SelfStarting` must be positive"),
    (lambda: ci.calibrate(object(), None), "`model` of `calibrate` must be a Keras model"),
    (lambda: ci.bake(keras.Sequential([layers.Dense(2)])), "must be built"),
]


@pytest.mark.parametrize("index", range(len(WRONG_ARGUMENTS)))
def test_wrong_arguments(index):
    """One ValueError that names the argument."""
    call, message = WRONG_ARGUMENTS[index]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("a_set", [ci.UnitNorm(), ci.Box(-0.5, 0.5), ci.Simplex()])
def test_what_a_layer_makes_of_its_initializer_is_inside(a_set):
    """An LSTM opens its forget gates by ones, whatever its bias is to be drawn from."""
    model = keras.Sequential([keras.Input((3, 2)), layers.LSTM(2, **ci.constrained(bias=a_set))])
    assert ci.check(model).ok
    opened = layers.LSTM(2, **ci.constrained(bias=ci.Box(-2.0, 2.0)))
    opened.build((None, 3, 2))
    assert array(opened.cell.bias)[2:4].tolist() == [1, 1]


def test_bias_without_a_kernel():
    """The matching bias says where it belongs."""
    from constrainit.initializers import MatchingBias

    with pytest.raises(ValueError, match="must be the `bias_initializer` of a layer whose"):
        MatchingBias()((3,))


def test_calibrate_a_layer_that_overflows():
    """More examples would not help; what it was given stays as it is."""
    kernel = {"kernel_initializer": "ones", "kernel_constraint": ci.Box(0, 9)}
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, name="last", **kernel)])
    x = np.array([[3e38] * 6, [-3e38] * 6], "float32")
    with pytest.raises(ValueError, match=r"the output of '\w+/last' is not finite, .*diagnose"):
        ci.calibrate(model, x)
    np.testing.assert_array_equal(array(model.layers[0].kernel), np.ones((6, 1)))


def test_calibrate_in_mixed_precision(rng):
    """What is fitted are the weights in float32, within their sets in float32."""
    x = rng.normal(size=(64, 8)).astype("float32") + 1
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        start = ci.constrained(kernel=ci.NonNegative(), bias=ci.Box(-9, 9))
        uneven = ci.constrained(kernel=ci.MaxNorm(1), bias=ci.ZeroMean())
        layers = [keras.layers.Dense(6, activation="relu", **one) for one in (start, uneven)]
        model = keras.Sequential([keras.Input((8,)), *layers])
        done = ci.calibrate(model, x)
        after = array(layers[0](x))
    finally:
        keras.config.set_dtype_policy("float32")
    assert ci.check(model).ok
    for layer in layers:
        assert array(layer.bias).any()
    assert done[0].deviation[1] == pytest.approx(done[0].wanted[1], rel=0.05)
    plain = np.maximum(x @ array(layers[0].kernel) + array(layers[0].bias), 0)
    np.testing.assert_allclose(after, plain, atol=0.05 * plain.max())


def test_activation_that_is_none():
    """What can not be an activation is refused by its name."""
    with pytest.raises(
        ValueError, match="`activation` of `plan` must be the name of an activation"
    ):
        ci.plan(ci.UnitNorm(), 4, activation=["relu"])


def test_a_mean_of_rounding_is_said_to_be_zero():
    """What is left of a mean that is zero is no number to read."""
    done = Calibrated("dense", (-0.0125, -2.07e-10), (0.5, 1.0), (0.0, 1.0), ("bias",))
    assert str(done) == "dense: mean -0.0125 -> 0, deviation 0.5 -> 1, changed bias"
    small = Calibrated("dense", (1e-9, 2e-9), (1e-9, 1e-9), (0.0, 1e-9), ("bias",))
    assert str(small).startswith("dense: mean 1e-09 -> 2e-09, ")


def test_calibrate_scales_cones():
    """Sets of which every multiple is a member: inequalities with zero, and cones in common."""
    rows = np.eye(6, k=1)[:-1] - np.eye(6)[:-1]
    cones = [
        ci.Polyhedron(rows),
        ci.NonNegative() & ci.Monotone(),
        ci.Blocks(ci.Polyhedron(rows), 2),
    ]
    bounded = [
        ci.Polyhedron(rows, 0.1), ci.Blocks(ci.Polyhedron(rows, 0.1), 2),
        ci.Monotone(gap=0.1) & ci.NonNegative(), ci.Simplex() & ci.Convex(),
        ci.NonNegative() & ci.Box(upper=1.0),
    ]  # fmt: skip
    assert all(one.is_cone for one in cones)
    assert not any(one.is_cone for one in bounded)
    x = 9 * np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
    for cone in cones:
        model = keras.Sequential([
            layers.Dense(4, kernel_constraint=cone, kernel_initializer=cone.initializer(0)),
            layers.Dense(1),
        ])  # fmt: skip
        model(x)
        [row] = ci.calibrate(model, x)
        assert row.changed == ("kernel", "bias")
        np.testing.assert_allclose(row.deviation[1], row.wanted[1], rtol=1e-3)
        kernel = model.layers[0].kernel
        assert float(cone.violation(kernel)) <= 1e-5 * np.abs(array(kernel)).max()


@pytest.mark.parametrize("a_set", [ci.MaxAbs(0.1), ci.Box(-1, 0), ci.Box(-1, 1), ci.ZeroMean()])
@pytest.mark.parametrize("activation", ["linear", "gelu", "sigmoid"])
def test_what_is_meant_to_be_zero_is_printed_so(a_set, activation):
    """No minus zero, and none of what float64 rounds; a small number that is meant stays."""
    for depth in (1, 20):
        text = str(ci.plan(a_set, 64, activation=activation, depth=depth))
        assert not re.findall(r"(?<![\w.])-0(?![\d.])|e-(?:1[1-9]|[2-9]\d)", text)
    assert beside(-3e-18, 0.1) == beside(-0.0, 0.0) == "0"
    assert beside(3e-18, 1e-17) == "3e-18"
    assert beside(1e-9, 1.0, digits=4) == "1e-09"
    assert beside(float("nan"), 1.0) == "nan"
    assert beside(1.0, float("inf")) == "1"


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype float64")
@pytest.mark.parametrize(
    "a_set", [ci.Simplex(), ci.Simplex() & ci.Box(upper=0.3), ci.Simplex(2.0), ci.MaxNorm(0.5)]
)
def test_float64_where_the_backend_may_not_have_it(a_set):
    """JAX holds it as float32 unless it is let: what is drawn is a member in what is held."""
    dense = layers.Dense(4, dtype="float64", **ci.constrained(kernel=a_set))
    keras.Sequential([keras.Input((8,)), dense])
    held = keras.ops.convert_to_tensor(dense.kernel)
    assert array(a_set.violation(held)) == 0
    assert np.ptp(array(held)) > 0
