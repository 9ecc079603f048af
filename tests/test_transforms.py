"""What every smooth map promises, of every set that has one."""

import cases_meeting
import keras
import ml_dtypes
import numpy as np
import pytest
import scipy.optimize
import scipy.special
from cases import BY_NAME, CASES, FEW
from conftest import arithmetic, array, as_stored, compiled, tensor
from keras import ops
from kinds import TOLERANCE, inner

import constrainit as ci
from constrainit.numerics import softplus
from constrainit.numerics._softplus import _log_of_one_plus

# A map is compiled for each: JAX sees the first two, and TensorFlow the first and the last; what is
# in turns each of them sees of every map in one of its two.
DTYPES = {
    "torch": ("float32", "bfloat16", "float16"),
    "jax": ("float32", "bfloat16"),
    "tensorflow": ("float32", "float16"),
}[keras.backend.backend()]


def eps(dtype):
    return float(ml_dtypes.finfo(dtype).eps)


def pulled(function, v, cotangent):
    """The member at a free value, and the gradient of its product with `cotangent`."""

    def loss(v):
        w = function(v)
        return ops.sum(ops.cast(w, cotangent.dtype) * cotangent), w

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        (_, w), slope = jax.value_and_grad(loss, has_aux=True)(v)
        return w, slope
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(v)
            value, w = loss(v)
        return w, ops.convert_to_tensor(tape.gradient(value, v))
    import torch

    leaf = v.detach().requires_grad_()
    value, w = loss(leaf)
    return w.detach(), torch.autograd.grad(value, leaf)[0]


class Subject:
    """The map of a row, with its gradient, compiled once for each dtype."""

    def __init__(self, case):
        self.case, self.map = case, case.make().transform
        self.free_shape = self.map.free_shape(case.shape)
        self._run = compiled(lambda cotangent, v: pulled(self.forward, v, cotangent))

    def forward(self, v):
        return self.map.forward(v, *([self.case.shape] if self.map.reshapes else []))

    def __call__(self, v, dtype, cotangent=None):
        """The member and the gradient, in float64."""
        cotangent = np.ones(self.case.shape) if cotangent is None else cotangent
        wide = "float64" if dtype == "float64" else "float32"
        with arithmetic(dtype):
            w, slope = self._run(tensor(cotangent, wide), tensor(v, dtype))
            assert keras.backend.standardize_dtype(w.dtype) == dtype
            assert tuple(w.shape) == self.case.shape
            return array(w), array(slope)

    def free(self, method, w, dtype):
        """What `right_inverse` or `start` gives for a member."""
        with arithmetic(dtype):
            found = getattr(self.map, method)(tensor(w, dtype))
            assert tuple(found.shape) == self.free_shape
            assert keras.backend.standardize_dtype(found.dtype) == dtype
            return array(found)

    def draw(self, dtype, seed=0):
        with arithmetic(dtype):
            return array(self.case.make().initializer(seed)(self.case.shape, dtype=dtype))


# Of each class of sets one row, but all with a map of their own.
CHOSEN = [
    case for case in CASES
    if "Mapped" in case.name or "_rank" in case.name or case in cases_meeting.ROWS
]  # fmt: skip
SMOOTH = [c for c in FEW if c not in CHOSEN and c.make().transform is not None] + CHOSEN


@pytest.fixture(scope="module", params=SMOOTH, ids=lambda case: case.name)
def subject(request):
    return Subject(request.param)


@pytest.fixture
def sloped(subject):
    """A map whose gradient is its slope."""
    if subject.map.rounds:
        pytest.skip(f"no slope: {subject.map.rounds}; see test_straight_through.py")
    return subject


def free_values(shape, dtype, rng):
    """Free values of every size."""
    largest, base = {"float16": 6e4}.get(dtype, 1e30), rng.normal(size=shape)
    values = {
        "zero": base * 0,
        "usual": base,
        "small": 1e-6 * base,
        "hundreds": 300.0 * base,
        "huge": np.full_like(base, largest),
        "negative huge": np.full_like(base, -largest),
        "huge signs": largest * np.sign(base),
        "one huge": base + largest * (np.arange(base.size) == 1).reshape(shape),
        "ties": np.round(base),
    }
    return {name: as_stored(v, dtype) for name, v in values.items()}


@pytest.mark.parametrize("dtype", DTYPES)
def test_lands_inside_with_a_finite_gradient(subject, dtype, rng):
    """Every finite free value stands for a member, and its gradient is finite."""
    out, broken = [], []
    for name, v in free_values(subject.free_shape, dtype, rng).items():
        w, slope = subject(v, dtype)
        if not subject.case.is_member(w, dtype):
            out.append(name)
        if not np.isfinite(slope).all():
            broken.append(name)
    assert not out
    assert not broken


@pytest.mark.parametrize("size", [3, 5])
def test_doubly_stochastic_of_huge_free_values(size, rng):
    """Where the temperature is no power of two, too: a compiler may fuse its product with a sum."""
    forward = compiled(lambda v: ci.DoublyStochastic().transform.forward(v))
    w = array(forward(tensor(1e30 * np.sign(rng.normal(size=(size, size))))))
    np.testing.assert_allclose(w.sum(0), 1, rtol=1e-6)
    np.testing.assert_allclose(w.sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_right_inverse(subject, dtype, rng):
    """The free value of a member, corners included, stands for that member."""
    for _ in range(8):
        w = as_stored(subject.case.sample(rng), dtype)
        back, _ = subject(subject.free("right_inverse", w, dtype), dtype)
        loose = 8 * eps(dtype) * (np.linalg.norm(w) + np.linalg.norm(subject.draw("float32")))
        assert np.linalg.norm(back - w) <= loose + subject.case.accuracy * np.linalg.norm(w)


@pytest.mark.parametrize("dtype", DTYPES)
def test_start_is_near(subject, dtype):
    """The start of a draw stands for a member near it."""
    w = subject.draw(dtype)
    began, _ = subject(subject.free("start", w, dtype), dtype)
    assert subject.case.is_member(began, dtype)
    assert np.linalg.norm(began - w) <= 0.5 * np.linalg.norm(w)


def test_start_is_alive(sloped, rng):
    """From the start of a draw every weight can move, as far as a step of Adam moves a kernel."""
    subject, dtype = sloped, "float32"
    w = subject.draw(dtype)
    v = subject.free("start", w, dtype)
    cotangent = rng.normal(size=subject.case.shape)
    began, slope = subject(v, dtype, cotangent)
    free = subject.draw(dtype, 1) != w
    rate = 1e-3 * subject.map.deviation(subject.case.shape)
    moved, _ = subject(v - rate * np.sign(slope), dtype)
    step = abs(moved - began)[free]
    assert np.mean(step > 1e-4 * step.max()) >= 0.9
    relative = np.linalg.norm(step) / np.linalg.norm(began) / 1e-3
    assert 0.1 <= relative <= 3.0


def test_gradient(sloped, rng):
    """In float64 the gradient is the slope between two free values close by."""
    subject = sloped
    v = subject.free("start", subject.draw("float64"), "float64")
    deviation = subject.map.deviation(subject.case.shape)
    v = v + 0.1 * deviation * rng.normal(size=v.shape)
    cotangent, way = rng.normal(size=subject.case.shape), rng.normal(size=v.shape)
    _, slope = subject(v, "float64", cotangent)
    step = 1e-5 * deviation
    ahead, _ = subject(v + step * way, "float64")
    behind, _ = subject(v - step * way, "float64")
    expected = np.sum((ahead - behind) / (2 * step) * cotangent)
    found = np.sum(slope * way)
    size = np.linalg.norm((ahead - behind) / (2 * step)) * np.linalg.norm(cotangent)
    assert abs(found - expected) <= 1e-6 * size


def bend(function, v, cotangent, way):
    """The slope along `way` of the gradient's product with `way`."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        gradient = jax.grad(lambda v: ops.sum(function(v) * cotangent))
        return jax.grad(lambda v: ops.sum(gradient(v) * way))(v)
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as outer:
            outer.watch(v)
            with tf.GradientTape() as inner:
                inner.watch(v)
                value = ops.sum(function(v) * cotangent)
            along = ops.sum(inner.gradient(value, v) * way)
        return outer.gradient(along, v)
    import torch

    leaf = v.detach().requires_grad_()
    value = (function(leaf) * cotangent).sum()
    [gradient] = torch.autograd.grad(value, leaf, create_graph=True)
    return torch.autograd.grad((gradient * way).sum(), leaf)[0]


RULED = [
    "Positive", "Mapped_exp", "Mapped_exp_below", "Simplex", "UnitNorm", "NormRange", "MaxNorm",
    "Intersection_cap", "Intersection_floor_and_cap", "Intersection_centred_bounds",
]  # fmt: skip


@pytest.mark.parametrize("name", RULED)
def test_second_derivative(name, rng):
    """The gradient of a map can be differentiated, where the map brings its own rule for it."""
    subject = Subject(BY_NAME[name])
    deviation = subject.map.deviation(subject.case.shape)
    v = subject.free("start", subject.draw("float64"), "float64")
    v = v + 0.1 * deviation * rng.normal(size=v.shape)
    cotangent, way = rng.normal(size=v.shape), deviation * rng.normal(size=v.shape)
    ahead, behind = (subject(v + step * way, "float64", cotangent)[1] for step in (1e-5, -1e-5))
    with arithmetic("float64"):
        tensors = (tensor(one, "float64") for one in (v, cotangent, way))
        found = array(bend(subject.forward, *tensors))
    expected = np.sum((ahead - behind) / 2e-5 * way)
    assert abs(np.sum(found * way) - expected) <= 1e-6 * np.linalg.norm(found * way)


@pytest.mark.parametrize(("temperature", "side"), [(1.0, 1.0), (0.03, -1.0)])
def test_softplus(temperature, side):
    """In float32 softplus keeps its digits where it is small, and its slope, too."""
    x = as_stored(np.linspace(-80.0, 40.0, 4801), "float32")
    v = as_stored(x * temperature * side, "float32")
    w, slope = pulled(lambda v: softplus(v, temperature, side), tensor(v), tensor(np.ones_like(v)))
    x = v * side / temperature
    expected = side * temperature * (np.maximum(x, 0) + np.log1p(np.exp(-abs(x))))
    # An exponential has the rounding of its argument, `-x`, many times over.
    loose = eps("float32") * (4 + abs(x))
    assert (abs(array(w) - expected) <= loose * abs(expected)).all()
    expected = 1 / (1 + np.exp(-x))
    assert (abs(array(slope) - expected) <= loose * expected).all()


def test_terms_of_softplus():
    """The series in the place of a logarithm is as near as it says, with room for no wrong term."""
    x = np.linspace(0.0, 1.0, 2001)[1:]
    assert abs(_log_of_one_plus(x) / np.log1p(x) - 1.0).max() <= 5e-9


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
@pytest.mark.parametrize("bounds", [(-1.0, -0.8), (-1.0, 0.2), (-0.7, 0.1), (0.1, 0.3)])
def test_ends_at_the_bounds(name, bounds):
    """Not one rounding beyond them, and not far from them."""
    a_set = ci.Mapped(ci.Box(*bounds), name)
    w = a_set.transform.forward(tensor(np.array([[-1e30, 1e30]])))
    assert float(a_set.violation(w)) == 0.0
    np.testing.assert_allclose(array(w), [bounds], atol=3e-7)


@pytest.mark.parametrize(("a_set", "side"), [(ci.NonNegative(), 1), (ci.Box(upper=0.0), -1)])
def test_an_exponential_goes_on_straight(a_set, side):
    """From some size on, where Adam could not hold the squares of its gradients any more."""
    smooth, shape = ci.Mapped(a_set, "exp").transform, (1, 6)
    t, size = smooth.deviation(shape), smooth.size(shape)
    x = np.array([[-1.0, 0.0, 6.0, 8.0, 1e3, 1e20]])
    v = tensor(as_stored(side * t * x, "float32"))
    w, slope = pulled(smooth.forward, v, tensor(np.ones(shape)))
    expected = size * np.exp(np.minimum(x, 7.0))
    np.testing.assert_allclose(array(slope), expected / t, rtol=1e-5)
    np.testing.assert_allclose(side * array(w), expected * np.maximum(x - 6.0, 1.0), rtol=1e-5)


@pytest.mark.parametrize(
    "name", ["SpectralNorm", "ConvSpectralNorm", "NuclearNorm", "LowRank", "SingularValues"]
)
def test_gradient_far_out(name, rng):
    """Also where the norm of the free value is several times that of any member."""
    far = Subject(BY_NAME[name])
    v, cotangent = 2 * rng.normal(size=far.free_shape), rng.normal(size=far.case.shape)
    _, slope = far(v, "float64", cotangent)
    way = rng.normal(size=v.shape)
    ahead, behind = (far(v + step * way, "float64")[0] for step in (1e-6, -1e-6))
    expected = np.sum((ahead - behind) / 2e-6 * cotangent)
    assert abs(np.sum(slope * way) - expected) <= 1e-6 * np.linalg.norm(ahead - behind) / 2e-6


def test_by_itself_as_compiled(subject, rng):
    """The map gives the same in a compiled step and outside of one."""
    v = free_values(subject.free_shape, "float32", rng)["usual"]
    w, _ = subject(v, "float32")
    alone = array(subject.forward(tensor(v)))
    np.testing.assert_allclose(alone, w, rtol=1e-5, atol=2e-6 * abs(w).max())


def sum_in_bounds(v, total, low, high, temperature):
    """What the map onto a sum within bounds is, one unit after the other, by Brent's method."""

    def at(level, v):
        return low + (high - low) * scipy.special.expit(v / temperature - level)

    def unit(v):
        ends = (v.min() / temperature - 50, v.max() / temperature + 50)
        level = scipy.optimize.brentq(lambda level: at(level, v).sum() - total, *ends, xtol=1e-14)
        return at(level, v)

    return np.apply_along_axis(unit, 0, v)


def soft(x):
    """Softplus."""
    return np.logaddexp(0.0, x)


def shares(x):
    """Softmax of each column."""
    x = np.exp(x - x.max(0))
    return x / x.sum(0)


def in_steps(v, t):
    """A mean, and steps upwards."""
    steps = soft(v[1:] / t) * t / len(v) ** 0.5
    w = np.concatenate([np.zeros_like(v[:1]), np.cumsum(steps, 0)])
    return w - w.mean(0) + v[0]


def in_rises(v, t, low, high):
    """Shares of the room between two bounds: a level, lines from each weight on, the rest."""
    parts = shares(np.concatenate([v, 0 * v[:1]]) / t) * (high - low)
    place = np.arange(len(v))
    lines = [np.maximum(place - k, 0) / (len(v) - 1 - k) for k in place[:-1]]
    return low + parts[0] + np.stack(lines).T @ parts[1:-1]


def polar(v):
    u, _, vt = np.linalg.svd(v, full_matrices=False)
    return u @ vt


def of_correlations(v):
    v = v / np.linalg.norm(v, axis=0)
    return v.T @ v


# A set of matrices 6 x 6 or of their columns, and its map in NumPy, of a free value and of the
# deviation and the size of a weight.
FORMULAS = {
    "softplus": (ci.NonNegative(), lambda v, d, s: d * soft(v / d)),
    "softplus below": (ci.Box(upper=0.5), lambda v, d, s: 0.5 - d * soft(-v / d)),
    "sigmoid": (ci.Box(0.0, 2.0), lambda v, d, s: 2 * scipy.special.expit(2 * v * s / d)),
    "norm": (ci.UnitNorm(), lambda v, d, s: v / np.linalg.norm(v, axis=0)),
    "ball": (ci.MaxNorm(2.0), lambda v, d, s: v / (1 + (v * v).sum(0) / 4) ** 0.5),
    "softmax": (ci.Simplex(2.0), lambda v, d, s: 2 * shares(v / d)),
    "centred": (ci.SumTo(0.5), lambda v, d, s: v - v.mean(0) + 0.5 / 6),
    "steps": (ci.Monotone(), lambda v, d, s: in_steps(v, d)),
    "steps downwards": (ci.Monotone("decreasing"), lambda v, d, s: 2 * v[0] - in_steps(v, d)),
    "rises": (
        ci.Monotone() & ci.Convex() & ci.Box(0.0, 1.0),
        lambda v, d, s: in_rises(v, d / (4 * ci.Box(0.0, 1.0).transform.size((6, 6))), 0.0, 1.0),
    ),
    "polar": (ci.Orthogonal(), lambda v, d, s: polar(v)),
    "symmetric": (ci.Symmetric(), lambda v, d, s: (v + v.T) / 2),
    "skew": (ci.SkewSymmetric(), lambda v, d, s: (v - v.T) / 2),
    "triangle": (ci.Triangular(), lambda v, d, s: np.tril(v)),
    "band": (ci.Banded(1, 1), lambda v, d, s: np.triu(np.tril(v, 1), -1)),
    "correlation": (ci.Correlation(), lambda v, d, s: of_correlations(v.T)),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_maps_by_their_formulas(name, rng):
    """In float64 to its rounding, and in float32 to that of float32."""
    a_set, formula = FORMULAS[name]
    smooth = a_set.transform
    deviation, size = smooth.deviation((6, 6)), smooth.size((6, 6))
    v = as_stored(deviation * rng.normal(size=(6, 6)), "float32")
    expected = formula(v, deviation, size)
    for dtype, loose in (("float64", 1e-13), ("float32", 4e-6)):
        with arithmetic(dtype):
            w = array(smooth.forward(tensor(v, dtype)))
        np.testing.assert_allclose(w, expected, rtol=0, atol=loose * max(abs(expected).max(), 1))


CAPPED = {
    # A set, its total and bounds, and the temperature for a deviation of a Glorot kernel.
    "cap": (lambda: ci.Simplex() & ci.Box(upper=0.3), 1.0, 0.0, 0.3, lambda d: d),
    "floor and cap": (lambda: ci.Box(0.125, 0.5) & ci.Simplex(2.0), 2.0, 0.125, 0.5, lambda d: d),
    "whole number": (lambda: ci.Simplex() & ci.Box(upper=0.25), 1.0, 0.0, 0.25, lambda d: d),
    "most at the cap": (lambda: ci.Simplex(1.5) & ci.Box(upper=0.25), 1.5, 0, 0.25, lambda d: d),
    "mean zero": (lambda: ci.ZeroMean() & ci.MaxAbs(4.0), 0.0, -4.0, 4.0, lambda d: 2.0),
    "below zero": (lambda: ci.Box(-1.0, 0.5) & ci.SumTo(-2.5), -2.5, -1.0, 0.5, None),
}  # fmt: skip


@pytest.mark.parametrize("name", CAPPED)
def test_sum_in_bounds(name, rng):
    """In float64 the map is that of another method, in float32 to the rounding of the weights."""
    make, total, low, high, temperature = CAPPED[name]
    smooth, shape = make().transform, (8, 40)
    deviation = smooth.deviation(shape)
    temperature = temperature(deviation) if temperature else smooth._temperature(shape, "float64")
    drawn = temperature * rng.normal(size=shape)
    one_large = drawn + 90 * temperature * np.eye(8)[:, :1]
    for v in (0 * drawn, 1e-3 * drawn, drawn, 7 * drawn, 40 * np.round(drawn), one_large):
        expected = sum_in_bounds(v, total, low, high, temperature)
        with arithmetic("float64"):
            w = array(smooth.forward(tensor(v, "float64")))
        np.testing.assert_allclose(w, expected, rtol=0, atol=1e-13)
        v = as_stored(v, "float32")
        expected = sum_in_bounds(v, total, low, high, temperature)
        loose = 4 * eps("float32") * (high - low) * (1 + abs(v / temperature))
        assert (abs(array(smooth.forward(tensor(v))) - expected) <= loose).all()


def test_small_weights_of_one_sum_in_bounds_keep_their_digits():
    """What is near to zero is known to a share of itself, beside a large cap as well."""
    shape = (6, 1)
    smooth = (ci.Simplex() & ci.Box(upper=0.4)).transform
    v = smooth.deviation(shape) * np.array([[0.0, 1.0, -20.0, 2.0, -40.0, 1.0]]).T
    v = as_stored(v, "float32")
    expected = sum_in_bounds(v, 1.0, 0.0, 0.4, smooth.deviation(shape))
    np.testing.assert_allclose(array(smooth.forward(tensor(v))), expected, rtol=1e-5)
    v = as_stored(np.array([[0.1, -0.2, 0.3, 0.15, 0.05, -0.25]]).T, "float32")
    w = array((ci.ZeroMean() & ci.MaxAbs(1e5)).transform.forward(tensor(v)))
    np.testing.assert_allclose(w, v - v.mean(), rtol=1e-5)


@pytest.mark.parametrize("make", [
    ci.Simplex, lambda: ci.Simplex() & ci.Box(upper=1e-3), lambda: ci.Simplex() & ci.Box(upper=0.4),
    lambda: ci.ZeroMean() & ci.MaxAbs(1.0), lambda: ci.SumTo(5e3) & ci.Box(-1.0, 0.5),
])  # fmt: skip
def test_many_weights_of_one_sum(make, rng):
    """A large unit has its sum to the tolerance of a small one, however far out its values are."""
    smooth, shape = make().transform, (20_000, 2)
    sums = getattr(smooth, "_sums", smooth.set)
    low, high = (0.0, 1.0) if sums is smooth.set else smooth._ends(shape, "float32")
    forward = compiled(smooth.forward)
    for v in free_values(shape, "float32", rng).values():
        w = array(forward(tensor(v)))
        assert w.min() >= low
        assert w.max() <= high
        loose = TOLERANCE["float32"] * np.sqrt(shape[0]) * np.linalg.norm(w, axis=0)
        assert (abs(w.sum(0) - sums.total) <= loose).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_even_weights_of_mean_zero(dtype, rng):
    """What bounds leave of weights that should be zero is rounding, and has mean zero itself."""
    for low, high in rng.uniform(0.1, 1.0, (12, 2)):
        a_set, count = ci.ZeroMean() & ci.Box(-low, high), int(100 * high)
        w = a_set.transform.forward(tensor(np.full((count, 3), 0.37), dtype))
        assert float(a_set.violation(w)) == 0.0
        assert abs(array(w)).max() <= eps("float32")


@pytest.mark.parametrize("upper", [1 / 3 + 1e-16, 1 / 3 + 1e-12, 1e30])
def test_almost_no_room_below_a_cap(upper):
    """Nor any bound above: the map is there, and its slope is finite."""
    smooth = (ci.SumTo(1.0) & ci.Box(-1.0, upper)).transform
    with arithmetic("float64"):
        v, ones = tensor([[1.0], [2.0], [-9.0]], "float64"), tensor(np.ones((3, 1)), "float64")
        w, slope = (array(one) for one in pulled(smooth.forward, v, ones))
    assert abs(w.sum() - 1) <= 1e-15 * max(1.0, abs(w).max())
    assert w.max() <= upper
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("upper", [0.3, 0.3001])
def test_a_cap_beside_the_total(upper, dtype):
    """A share of all of the total is not rounded to beyond the bound."""
    a_set = ci.Simplex(0.3) & ci.Box(0.0, upper)
    v = 100.0 * np.eye(5)[:, :2]
    w = a_set.transform.forward(tensor(v, dtype))
    assert float(a_set.violation(w)) == 0.0
    assert array(w).max() <= inner(upper, dtype, -1)


BASED = [case for case in SMOOTH if case.make().transform.based]


@pytest.mark.parametrize("case", BASED, ids=lambda case: case.name)
@pytest.mark.parametrize("dtype", DTYPES)
def test_around_a_base_lands_inside(case, dtype, rng):
    """As `forward`, from whatever base; at the base it is the member."""
    smooth = case.make().transform
    w = case.make().initializer(0)(case.shape, dtype=dtype)
    origin = smooth.right_inverse(w)
    base = smooth.base(w, origin)
    loose = 4 * eps(dtype) * np.linalg.norm(array(w))
    assert np.linalg.norm(array(smooth.around(origin, base)) - array(w)) <= loose
    run = compiled(lambda cotangent, v: pulled(lambda v: smooth.around(v, base), v, cotangent))
    cotangent = tensor(np.ones(case.shape), "float32")
    out, broken = [], []
    for name, v in free_values(case.shape, dtype, rng).items():
        w, slope = run(cotangent, tensor(v, dtype))
        if not case.is_member(array(w), dtype):
            out.append(name)
        if not np.isfinite(array(slope)).all():
            broken.append(name)
        again = smooth.rebased(tensor(v, dtype), base)
        if not case.is_member(array(ops.cast(again[0], dtype)), dtype):
            out.append(f"base of {name}")
    assert not out
    assert not broken


@pytest.mark.parametrize("case", BASED, ids=lambda case: case.name)
def test_gradient_around_a_base(case, rng):
    """In float64 the gradient is the slope between two free values close by."""
    with arithmetic("float64"):
        smooth = case.make().transform
        w = case.make().initializer(0)(case.shape, dtype="float64")
        base = smooth.base(w, smooth.right_inverse(w))
        v = array(smooth.right_inverse(w)) + 0.02 * rng.normal(size=case.shape)
        cotangent, way = rng.normal(size=case.shape), rng.normal(size=case.shape)
        _, slope = pulled(
            lambda v: smooth.around(v, base), tensor(v, "float64"), tensor(cotangent, "float64")
        )
        ahead, behind = (
            array(smooth.around(tensor(v + step * way, "float64"), base)) for step in (1e-6, -1e-6)
        )
        assert not bool(smooth.strays(tensor(v, "float64"), base))
        expected = np.sum((ahead - behind) / 2e-6 * cotangent)
        assert abs(np.sum(array(slope) * way) - expected) <= 1e-6 * np.linalg.norm(cotangent)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("a_set", [ci.Convex(), ci.Concave()], ids=repr)
def test_long_bent_members_are_kept(a_set, dtype):
    """Also where their bends are smaller than what the dtype rounds off."""
    w = np.square(np.linspace(-0.3, 0.5, 128))[:, None] * [[1.0, 0.2]] * a_set._sign
    smooth, stored = a_set.transform, as_stored(w, dtype)
    back = array(smooth.forward(smooth.right_inverse(tensor(stored, dtype))))
    assert np.linalg.norm(back - stored) <= 16 * eps(dtype) * np.linalg.norm(stored)


@pytest.mark.parametrize("dtype", DTYPES)
def test_order_in_bounds_to_the_bit(dtype, rng):
    """The map keeps the order without any tolerance; the projection holds it to its accuracy."""
    smooth = (ci.Monotone() & ci.Box(0.0, 1.0)).transform
    for v in free_values((40, 3), dtype, rng).values():
        assert (np.diff(array(smooth.forward(tensor(v, dtype))), axis=0) >= 0).all()
