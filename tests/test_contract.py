"""What every set promises, of every set, in every dtype, at weights that are hard."""

import dataclasses
import json
import math

import keras
import numpy as np
import pytest
from cases import BY_NAME, CASES, FEW
from conftest import arithmetic, array, as_stored, same_bits, tensor
from kinds import DTYPES, TINY, TOLERANCE, hard_weights, members, slack

import constrainit as ci
from constrainit._measure import distances

# What is seen where is said by `grid`.
pytestmark = pytest.mark.everywhere

# One row of each class, for what does not depend on the arguments of the set.
TYPICAL = [
    "NonNegative", "Positive_third", "Box", "MaxNorm", "UnitNorm_conv", "NormRange", "Simplex",
    "SumTo", "Orthogonal", "Symmetric", "Blocks_Orthogonal", "Masked_UnitNorm", "Masked_Simplex",
    "Intersection_sphere", "Intersection_capped", "Custom",
]  # fmt: skip


@dataclasses.dataclass
class Subject:
    """A set in a dtype, with its hard weights and where they are projected to."""

    case: object
    dtype: str

    def __post_init__(self):
        self.set = self.case.make()
        self._project, self._violation = _together(self.set)
        self.weights = hard_weights(self.case.shape, self.dtype, np.random.default_rng(1))
        self.images = {name: self.project(w) for name, w in self.weights.items()}

    def project(self, w):
        image = self._project(tensor(w, self.dtype))
        assert keras.backend.standardize_dtype(image.dtype) == self.dtype
        assert tuple(image.shape) == self.case.shape
        return array(image)

    def violation(self, w):
        return float(array(self._violation(tensor(w, self.dtype))))

    def beside(self, image, rng):
        """Another member not far from one."""
        nudged = image + 0.1 * rng.normal(size=image.shape) * (abs(image) + 1)
        return self.project(as_stored(nudged, self.dtype))

    def members(self, seed=2):
        return members(self.case, self.dtype, np.random.default_rng(seed))


def _together(a_set):
    """Projection and violation, compiled together where the backend compiles.

    A hundred calls are to come: eagerly each op costs TensorFlow a tenth of a millisecond, and JAX
    would compile the projection twice. `test_compiled` sees to it that it makes no difference.
    """
    backend = keras.backend.backend()
    if backend == "torch" or not a_set.traceable:
        return a_set.project, a_set.violation

    def both(w):
        ((violation, image),) = distances([a_set], [w])
        return image, violation

    if backend == "jax":
        import jax

        run = jax.jit(both)
    else:
        import tensorflow as tf

        run = tf.function(both, autograph=False)
    return lambda w: run(w)[0], lambda w: run(w)[1]


def grid():
    """Every row in every dtype; on JAX and TensorFlow in one dtype, in turns.

    They compile a program for each pair, which takes most of their time, and the library rounds in
    one place for all dtypes: there each sees the first row of each class, every second of them in
    float32, and of the other rows every second. PyTorch sees the whole grid, and
    `test_backends.py` compares every row on all three.
    """
    backend = keras.backend.backend()
    if backend == "torch":
        return [(case, dtype) for case in CASES for dtype in DTYPES]
    turn, of_classes = ["jax", "tensorflow"].index(backend), {c.name for c in FEW}
    firsts = [case for case in CASES if case.name in of_classes]
    others = [case for case in CASES if case.name not in of_classes][turn::2]
    pairs = [
        (case, "float32" if i % 2 == turn else DTYPES[1:][i // 2 % 3])
        for i, case in enumerate(firsts)
    ]
    return pairs + [(case, DTYPES[i % 4]) for i, case in enumerate(others)]


@pytest.fixture(
    scope="module",
    params=grid(),
    ids=lambda pair: f"{pair[0].name}-{pair[1]}",
)
def made(request):
    case, dtype = request.param
    with arithmetic(dtype):
        return Subject(case, dtype)


@pytest.fixture
def subject(made):
    with arithmetic(made.dtype):
        yield made


@pytest.fixture(scope="module", params=FEW, ids=lambda case: case.name)
def case(request):
    return request.param


@pytest.fixture(scope="module")
def a_set(case):
    return case.make()


# Project


def test_result_is_member(subject):
    """Every finite weight, however hard, is taken into the set, in its own shape and dtype."""
    out = {n for n, p in subject.images.items() if not subject.case.is_member(p, subject.dtype)}
    assert not out
    assert min(p.min() for p in subject.images.values()) >= subject.case.bounded_below
    assert max(p.max() for p in subject.images.values()) <= subject.case.bounded_above


def test_no_tolerance_below_a_bound(subject):
    """What is a hair below zero, on a weight that is a member else, is taken to zero."""
    if subject.case.bounded_below == 0:
        for w in subject.members()[:4]:
            hair = w - TOLERANCE[subject.dtype] / 8 * (w == 0)
            assert subject.project(as_stored(hair, subject.dtype)).min() >= 0


def test_members_do_not_move(subject):
    """A member comes back bit for bit, corners of the set included, and violates nothing."""
    sampled = subject.members()
    for w in sampled:
        assert same_bits(subject.project(w), w)
    for w in sampled[:3]:
        assert subject.violation(w) == 0.0


def test_idempotent(subject):
    """Projecting twice gives the same bits as projecting once, and nothing is left to violate."""
    for name, image in subject.images.items():
        assert same_bits(subject.project(image), image), name
    for name in ("usual", "scales", "huge entry"):
        assert subject.violation(subject.images[name]) == 0.0, name


def test_nearest(subject):
    """No member is nearer, unit by unit; for convex sets by the variational inequality."""
    case, dtype, rng = subject.case, subject.dtype, np.random.default_rng(3)
    if not case.nearest:
        pytest.skip("the set says that it gives a member, not the nearest one")
    far = [case.sample(rng) for _ in range(40)]
    for name, w in subject.weights.items():
        p = subject.images[name]
        # Members far away miss a small error; those beside the result find it.
        near = [p + 1e-2 * (m - p) for m in far[:10] if case.convex]
        # A stored member is one but for its rounding.
        stored = [] if case.convex else [subject.beside(p, rng)]
        size = size_of(case, p, dtype) + size_of(case, w, dtype) * (case.accuracy > 0)
        loose = max(4 * TOLERANCE[dtype], case.accuracy) * size
        for rivals, inexact in ((far + near, 1e-14), (stored, TOLERANCE[dtype])):
            for m in rivals:
                gap, step = w - p, m - p
                gain = case.per_unit(gap * step)
                if not case.convex:
                    gain -= case.per_unit(step**2) / 2
                lengths = size_of(case, gap, dtype) + size_of(case, step, dtype)
                rounding = 4 * inexact * size_of(case, m, dtype)
                assert (gain <= (loose + rounding) * lengths).all(), name


def size_of(case, w, dtype):
    """The norm of each unit, with the smallest numbers of the dtype as the least."""
    return np.sqrt(case.per_unit(w**2)) + np.sqrt(case.per_unit(np.ones_like(w))) * TINY[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
def test_moved_norms_need_no_tolerance(dtype):
    """A unit that was moved has a norm within the bounds themselves, after rounding too."""
    a_set = ci.NormRange(0.5, 1.5, axis=0)
    with arithmetic(dtype):
        for seed in range(5):
            w = np.random.default_rng(seed).normal(size=(6, 4)) * [0.01, 0.1, 10.0, 1e3]
            norms = np.linalg.norm(array(a_set.project(tensor(w, dtype))), axis=0)
            assert (norms >= 0.5).all()
            assert (norms <= 1.5).all()


def test_the_sign_of_a_zero_stays():
    """A zero of either sign is inside bounds that end at zero, and comes back with its sign."""
    for dtype in DTYPES:
        for w in (np.tile([-0.0, 0.0, 0.5], 33), np.array([-0.0, 0.0])):
            for a_set in (ci.NonNegative(), ci.Box(0.0, 1 / 3), ci.Masked(ci.Box(0, 1), w >= 0)):
                with arithmetic(dtype):
                    image = array(a_set.project(tensor(w, dtype)))
                assert same_bits(image[:2], w[:2])


# Violation


def test_violation_is_the_distance(subject):
    """Zero inside, positive outside, and there the largest distance of a unit, in its units."""
    few = ("zero", "usual", "big", "scales", "huge entry")
    for name, w in subject.weights.items():
        if subject.case.accuracy and name not in few:
            continue
        case, found = subject.case, subject.violation(w)
        if case.is_member(w, subject.dtype):
            assert found <= max(case.accuracy * abs(w).max(), 0.0), name
            continue
        assert found > 0, name
        moved = np.sqrt(case.per_unit((w - subject.images[name]) ** 2)).max()
        expected = moved if case.distance is None else case.distance(w, subject.dtype).max()
        loose = 4 * (slack(w, subject.dtype) + slack(subject.images[name], subject.dtype))
        loose += 4 * case.accuracy * np.linalg.norm(w)
        assert math.isclose(found, expected, rel_tol=1e-5, abs_tol=loose), name


# What is not a number


def test_nan_stays_and_harms_no_other_unit(subject):
    """A NaN comes back as NaN with its unit as it was; other units are projected as without it."""
    case, index = subject.case, tuple(n // 2 for n in subject.case.shape)
    unit = case.groups == case.groups[index]
    for name in ("usual", "big", "zero"):
        w = subject.weights[name].copy()
        w[index] = np.nan
        image = subject.project(w)
        assert math.isnan(subject.violation(w))
        assert np.isnan(image[index])
        if not case.name.startswith("Custom"):
            kept = unit if not case.elementwise else np.zeros_like(unit)
            assert same_bits(image[kept], w[kept]), name
        np.testing.assert_allclose(
            image[~unit], subject.images[name][~unit], rtol=10 * case.accuracy, atol=case.accuracy
        )


MANY = {
    "bounds": lambda: ci.Box(-0.5, 0.5), "non-negative": ci.NonNegative,
    "norms": lambda: ci.MaxNorm(1.0, axis=0), "spheres": lambda: ci.UnitNorm(axis=0),
    "rows": lambda: ci.MaxNorm(1.0, axis=-1), "shares": lambda: ci.Simplex(axis=0),
    "sums": lambda: ci.SumTo(0.0, axis=0), "order": lambda: ci.Monotone(axis=0),
    "blocks": lambda: ci.Product([ci.NonNegative(), ci.MaxNorm(1.0, axis=0)], axis=0),
    "grid": lambda: ci.Grid(0.5), "mapped": lambda: ci.Mapped(ci.MaxAbs(0.2), "tanh"),
    "both": lambda: ci.NonNegative() & ci.MaxNorm(1.0, axis=0), "signs": lambda: ci.Sign(1),
}  # fmt: skip


@pytest.mark.parametrize("name", MANY)
def test_nan_is_no_member_among_many_units(name):
    """Wherever it stands: a maximum of XLA may pass over it in an array of thousands."""
    shape = (6000, 4) if name == "rows" else (4, 6000)
    a_set, w = MANY[name](), np.random.default_rng(0).normal(size=shape).astype("float32")
    for place in (0, w.size // 3, w.size // 2, w.size - 1):
        lost = w.copy()
        lost.flat[place] = np.nan
        assert math.isnan(array(a_set.violation(lost))), place


def test_infinity(subject):
    """Bounds take an infinity to the bound; where entries are coupled its unit stays as it was."""
    case = subject.case
    if case.name.startswith("Custom"):
        pytest.skip("what a user's function does with infinities is its own affair")
    index = tuple(n // 2 for n in case.shape)
    for infinity in (math.inf, -math.inf):
        w = subject.weights["usual"].copy()
        w[index] = infinity
        image = subject.project(w)
        unit = case.groups == case.groups[index]
        np.testing.assert_allclose(
            image[~unit],
            subject.images["usual"][~unit],
            rtol=10 * case.accuracy,
            atol=case.accuracy,
        )
        if case.elementwise:
            far = dict(subject.weights)["usual"].copy()
            far[index] = math.copysign(6e4, infinity)
            bound = subject.project(as_stored(far, subject.dtype))[index]
            assert image[index] == (bound if abs(bound) < 6e4 * 0.99 else infinity)
        elif "Masked" not in case.name:
            assert same_bits(image[unit], w[unit])
        assert subject.violation(w) != 0.0


# The initializer


def test_draws_are_members(subject):
    """Every draw is a member to the last bit, the same for the same seed, another for another."""
    case, dtype, draws = subject.case, subject.dtype, []
    for seed in (0, 1, 2, 0):
        drawn = subject.set.initializer(seed)(case.shape, dtype=dtype)
        assert keras.backend.standardize_dtype(drawn.dtype) == dtype
        draws.append(array(drawn))
        assert same_bits(subject.project(draws[-1]), draws[-1])
        assert case.is_member(draws[-1], dtype)
    assert same_bits(draws[0], draws[3])
    assert not np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[1], draws[2])


@pytest.mark.parametrize("name", [c.name for c in CASES if c.variance])
@pytest.mark.parametrize("shape", [(96, 96), (128, 48)])
def test_draws_keep_the_scale(name, shape):
    """The draws have the variance that the row says the set allows, and mean zero."""
    case = BY_NAME[name]
    if name == "Symmetric":
        shape = (96, 96)
    values = np.stack([array(case.make().initializer(seed)(shape)) for seed in range(4)])
    assert abs(values.mean()) < 0.02 * values.std() + 1e-6
    np.testing.assert_allclose(values.var(), case.variance(shape), rtol=0.05)


@pytest.mark.parametrize("name", TYPICAL)
def test_draws_of_other_shapes(name):
    """A draw is a member at any shape that the set accepts, not only at that of the row."""
    a_set = BY_NAME[name].make()
    for shape in [(12, 12)]:
        try:
            a_set.check_shape(shape)
        except ValueError:
            continue
        drawn = a_set.initializer(3)(shape)
        assert tuple(drawn.shape) == shape
        assert float(a_set.violation(drawn)) == 0.0


@pytest.mark.parametrize("name", TYPICAL)
def test_seed_generator_gives_new_draws(name):
    """A SeedGenerator moves on: two calls give two draws, both members."""
    case = BY_NAME[name]
    draw = case.make().initializer(keras.random.SeedGenerator(5))
    first, second = array(draw(case.shape)), array(draw(case.shape))
    assert not np.array_equal(first, second)
    assert case.is_member(first, "float32")
    assert case.is_member(second, "float32")


@pytest.mark.parametrize("name", TYPICAL)
def test_unseeded_initializers_differ(name):
    """Two initializers without a seed draw different weights, one of them the same each time."""
    case = BY_NAME[name]
    first, second = case.make().initializer(), case.make().initializer()
    assert same_bits(array(first(case.shape)), array(first(case.shape)))
    assert not np.array_equal(array(first(case.shape)), array(second(case.shape)))


def test_draws_under_a_mask_keep_the_scale():
    """The entries in a mask are scaled up for the inputs that each unit lost."""
    mask = np.arange(96)[:, None] % np.array([2, 4] * 24) == 0
    draw = array(ci.Masked(ci.MaxNorm(99.0, axis=0), mask).initializer(0)((96, 48)))
    for period, first in ((2, 0), (4, 1)):
        used = draw[::period, first::2]
        np.testing.assert_allclose(used.var(), period * 2.0 / (96 + 48), rtol=0.15)
    assert (draw[~mask] == 0).all()


def test_draws_of_blocks_share_nothing():
    """Two seeds give no two equal blocks: not one seed's second block the next seed's first."""
    a_set = ci.Blocks(ci.Orthogonal(), 3)
    draws = [array(a_set.initializer(seed)((4, 12))) for seed in range(3)]
    blocks = np.split(np.hstack(draws), 9, axis=1)
    for i, one in enumerate(blocks):
        assert not any(np.allclose(one, other) for other in blocks[:i])


# Saving


def test_round_trip(case, a_set):
    """From JSON comes a set that projects and draws to the same bits."""
    weights = hard_weights(case.shape, "float32", np.random.default_rng(1))
    config = json.loads(json.dumps(a_set.get_config()))
    saved = json.loads(json.dumps(keras.saving.serialize_keras_object(a_set)))
    copies = [type(a_set).from_config(config), keras.saving.deserialize_keras_object(saved)]
    for copy in copies:
        assert type(copy) is type(a_set)
        assert copy.get_config() == a_set.get_config()
        assert copy.describe() == a_set.describe()
        for name in ("usual", "scales", "huge entry"):
            w = tensor(weights[name])
            assert same_bits(array(copy.project(w)), array(a_set.project(w)))


def test_initializer_round_trip(case, a_set):
    """From JSON comes an initializer that draws the same bits."""
    for seed in (7, keras.random.SeedGenerator(7)):
        saved = keras.saving.serialize_keras_object(a_set.initializer(seed))
        copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(saved)))
        again = keras.saving.deserialize_keras_object(saved)
        assert same_bits(array(copy(case.shape)), array(again(case.shape)))


# Surroundings


def test_variable(case, a_set):
    """A `keras.Variable` is projected like its value, is not changed, and can be assigned to."""
    w = hard_weights(case.shape, "float32", np.random.default_rng(1))["usual"]
    variable = keras.Variable(w.astype("float32"))
    image = a_set(variable)
    assert same_bits(array(variable), w)
    assert same_bits(array(image), array(a_set.project(tensor(w))))
    if case.name in TYPICAL:
        assert float(a_set.violation(variable)) == float(a_set.violation(tensor(w)))
    if keras.backend.backend() == "torch":
        assert not image.requires_grad
    variable.assign(image)
    assert same_bits(array(variable), array(image))
    assert variable.trainable
    if keras.backend.backend() == "torch":
        assert variable.value.is_leaf
        assert variable.value.requires_grad


def test_numpy_array_and_list(case, a_set):
    """NumPy arrays and lists are taken too, and are not changed."""
    w = hard_weights(case.shape, "float32", np.random.default_rng(1))["usual"].astype("float32")
    before = w.copy()
    image = array(a_set.project(w))
    assert same_bits(w, before)
    assert same_bits(array(a_set.project(w.tolist())), image)


def test_compiled(case, a_set):
    """Compiled by the backend, as in a train step, a set gives what it gives by itself."""
    weights = hard_weights(case.shape, "float32", np.random.default_rng(1))
    compilers = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}
    for run in compilers[keras.backend.backend()](a_set, case.name in TYPICAL):
        for name in ("usual", "zero", "huge entry"):
            w = tensor(weights[name])
            image, expected = array(run(w)), array(a_set.project(w))
            assert case.is_member(image, "float32")
            if isinstance(a_set, ci.SelfStarting) and name == "zero":
                continue  # no step comes from there: it is drawn, each time by another seed
            if not case.convex and name != "usual":
                continue  # several members are nearest: any of them will do
            loose = 4 * max(case.accuracy, slack(expected, "float32"))
            np.testing.assert_allclose(image, expected, rtol=1e-5, atol=loose)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="only there weights are written")
def test_in_a_step(subject):
    """What a step on PyTorch writes into the weight is to the bit what the set gives elsewhere."""
    if type(subject.set)._image_into is ci.ConstraintSet._image_into:
        return  # it makes a new tensor there, too
    variable = keras.Variable(tensor(subject.weights["usual"], subject.dtype), dtype=subject.dtype)
    variable.constraint = subject.set
    optimizer = keras.optimizers.SGD(0.0)
    optimizer.build([variable])
    for name, w in subject.weights.items():
        variable.assign(tensor(w, subject.dtype))
        optimizer.apply([keras.ops.zeros_like(variable)], [variable])
        assert same_bits(array(variable), subject.images[name]), name
        variable.assign(tensor(w, subject.dtype))
        subject.set(variable)
        assert same_bits(array(variable), as_stored(w, subject.dtype)), name


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="only there a GPU has its own way")
def test_norms_on_a_gpu(subject, monkeypatch):
    """Taken in float64 with nothing for the host to wait for; tried on a CPU."""
    if not isinstance(subject.set, ci.MaxNorm | ci.UnitNorm | ci.NormRange):
        return
    if subject.dtype == "float64":
        return  # its squares can overflow there too: the way is that of a CPU
    monkeypatch.setattr("constrainit.sets.norms.in_double", lambda w: True)
    for name, w in subject.weights.items():
        found, expected = subject.project(w), subject.images[name]
        assert same_bits(subject.project(found), found), name
        near = TOLERANCE[subject.dtype]
        np.testing.assert_allclose(found, expected, rtol=near, err_msg=name)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="only there a GPU has its own way")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize(
    "a_set",
    [ci.UnitNorm(), ci.MaxNorm(2.0), ci.NormRange(1.0, 2.0)],
    ids=repr,
)
def test_odd_units_on_a_gpu(a_set, dtype, monkeypatch):
    """Units with a NaN, an infinity, zeros of both signs, nothing but zeros, and a scalar."""
    odd = [[np.nan, np.inf, -np.inf, 0.0, -0.0, 0.6, 1.0], [0.25, -0.0, 3.0, 0.0, 1.0, -0.8, -0.0]]
    for w in (odd, -7.0):
        w = tensor(as_stored(np.array(w), dtype), dtype)
        expected = array(a_set.project(w))
        with monkeypatch.context() as there:
            there.setattr("constrainit.sets.norms.in_double", lambda w: True)
            found = array(a_set.project(w))
        stays = expected == array(w)
        assert same_bits(found[stays], expected[stays])
        np.testing.assert_allclose(found, expected, rtol=TOLERANCE[dtype])


@pytest.mark.parametrize(
    "a_set",
    [
        ci.Symmetric(), ci.Blocks(ci.Symmetric(), 1), ci.Product([ci.Symmetric()]),
        ci.Masked(ci.Symmetric(), np.ones((256, 256))), ci.Every(ci.Symmetric(), 2),
    ],
    ids=lambda s: type(s).__name__,
)  # fmt: skip
def test_drawn_and_projected_in_one_program(a_set):
    """What is compared to the bit is what comes back, where a compiler computes things anew."""

    def make():
        return a_set.initializer(1)((256, 256), "float32")

    if keras.backend.backend() == "jax":
        import jax

        # As outside of the tests, which compile for speed of compilation.
        make = jax.jit(make, compiler_options={"xla_backend_optimization_level": 3})
    w = array(make())
    assert same_bits(w, w.T)


def _jax(a_set, _):
    import jax

    return [jax.jit(a_set)]


def _tensorflow(a_set, converted):
    """AutoGraph reads the source of whatever a set calls: it takes longer than all the rest."""
    import tensorflow as tf

    return [
        tf.function(a_set, autograph=converted),
        tf.function(a_set, autograph=False, jit_compile=True),
    ]


def _torch(a_set, _):
    import torch

    return [torch.no_grad()(a_set), torch.inference_mode()(a_set)]


def test_describe_is_one_line(case, a_set):
    """A report can print any set in one short line."""
    line = a_set.describe()
    assert line
    assert line == line.strip()
    assert "\n" not in line
    assert len(line) < 160


def test_repr_makes_the_set_again(case, a_set):
    """What `repr` shows can be pasted: it makes a set with the same arguments."""
    if "Custom" not in case.name:
        copy = eval(repr(a_set), vars(ci))
        assert copy.get_config() == a_set.get_config()


def test_int_weights_are_refused(case, a_set):
    """Integers can not be projected: the error names the dtype and those that can."""
    zeros = np.zeros(case.shape, "int32")
    with pytest.raises(ValueError, match=r"must be of a float dtype .*Received: dtype=int32"):
        a_set.project(zeros)


# In a model


def layer(case, a_set):
    """A layer of Keras whose weight has the shape of the row and obeys the set."""
    start = {"kernel_initializer": keras.initializers.RandomNormal(stddev=1.0, seed=0)}
    match case.shape:
        case (units,):
            return keras.layers.Dense(units, bias_constraint=a_set), "bias", (None, 3)
        case (inputs, units):
            return (
                keras.layers.Dense(units, kernel_constraint=a_set, **start),
                "kernel",
                (None, inputs),
            )
        case (height, width, inputs, units):
            made = keras.layers.Conv2D(units, (height, width), kernel_constraint=a_set, **start)
            return made, "kernel", (None, height, width, inputs)
    return None


OTHERS = [
    "Box_each", "L1Sphere", "Affine", "Transport", "Unimodal", "CholeskyFactor",
    "CorrelationCholesky", "SingularValues", "PositiveSemidefinite_rank", "Dissipative",
    "Intersection_few_shares",
]  # fmt: skip
MIXED = ["NonNegative", "Box", "UnitNorm", "Simplex", "Masked_UnitNorm", "Custom_class"]


@pytest.mark.parametrize(
    ("policy", "names"),
    [
        ("float32", TYPICAL),
        ("mixed_bfloat16", MIXED),
        ("mixed_float16", MIXED),
        ("mixed_bfloat16", OTHERS),
    ],
)
def test_fit_save_load(policy, names, tmp_path, rng):
    """After three compiled training steps every weight is a member, and a saved model keeps all."""
    rows = [BY_NAME[name] for name in names]
    keras.config.set_dtype_policy(policy)
    try:
        inputs, outputs, data, owners = [], [], [], []
        for case in rows:
            made, weight, batch = layer(case, case.make())
            inputs.append(keras.Input(batch[1:]))
            outputs.append(keras.layers.Flatten()(made(inputs[-1])))
            data.append(rng.normal(size=(12, *batch[1:])).astype("float32"))
            owners.append((made.name, weight))
        model = keras.Model(inputs, keras.layers.Concatenate()(outputs))
        model.compile("sgd", "mse")
        model.optimizer.learning_rate = 5.0
        target = 3.0 * rng.normal(size=(12, model.output.shape[-1])).astype("float32")
        before = weights_of(model, owners)
        model.fit(data, target, batch_size=4, epochs=1, verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    after = weights_of(model, owners)
    assert not any(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    out = [c.name for c, w in zip(rows, after, strict=True) if not c.is_member(w, "float32")]
    assert not out
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    kept = zip(rows, owners, after, weights_of(loaded, owners), strict=True)
    for case, (name, weight), saved, again in kept:
        assert same_bits(saved, again)
        old, new = (getattr(m.get_layer(name), f"{weight}_constraint") for m in (model, loaded))
        assert old.get_config() == new.get_config()
        bound = getattr(loaded.get_layer(name), weight).constraint
        hard = hard_weights(case.shape, "float32", np.random.default_rng(1))["usual"]
        assert case.is_member(array(bound(tensor(hard))), "float32")


def weights_of(model, owners):
    return [array(getattr(model.get_layer(name), weight)) for name, weight in owners]


def test_no_gradient_passes():
    """A projection is done to weights, not trained through: it leaves no graph behind."""
    variable = keras.Variable(np.array([[3.0, -4.0]], "float32"))
    for a_set in (ci.UnitNorm(), ci.Simplex(axis=1), ci.Simplex(axis=1) & ci.Box(0.0, 0.8)):
        image = a_set.project(variable)
        match keras.backend.backend():
            case "torch":
                assert not image.requires_grad
                assert not a_set.violation(variable).requires_grad
            case "jax":
                import jax

                slope = jax.grad(lambda w, s=a_set: s.project(w).sum())(variable.value)
                assert not slope.any()
            case "tensorflow":
                import tensorflow as tf

                with tf.GradientTape() as tape:
                    total = tf.reduce_sum(a_set.project(variable.value))
                assert tape.gradient(total, variable.value) is None
