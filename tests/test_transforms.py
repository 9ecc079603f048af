"""What every smooth map promises, of every set that has one."""

import keras
import ml_dtypes
import numpy as np
import pytest
from cases import CASES
from conftest import arithmetic, array, as_stored, tensor
from keras import ops

DTYPES = ("float32", "bfloat16", "float16")


def eps(dtype):
    return float(ml_dtypes.finfo(dtype).eps)


def compiled(function):
    """As a train step runs it."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.jit(function)
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    return function


def pulled(function, tensors, cotangent):
    """The member at a free value, and the gradient of its product with `cotangent`."""

    def loss(*v):
        w = function(*v)
        return ops.sum(ops.cast(w, cotangent.dtype) * cotangent), w

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        (_, w), slopes = jax.value_and_grad(loss, tuple(range(len(tensors))), has_aux=True)(
            *tensors
        )
        return w, slopes
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(list(tensors))
            value, w = loss(*tensors)
        slopes = tape.gradient(value, list(tensors))
        return w, tuple(ops.convert_to_tensor(s) for s in slopes)
    import torch

    leaves = [t.detach().requires_grad_() for t in tensors]
    value, w = loss(*leaves)
    return w.detach(), torch.autograd.grad(value, leaves)


class Subject:
    """The map of a row, with its gradient, compiled once for each dtype."""

    def __init__(self, case):
        self.case, self.map = case, case.make().transform
        self.shapes = self.map.free_shapes(case.shape)

        def run(cotangent, *tensors):
            return pulled(self.map.forward, tensors, cotangent)

        self._run = compiled(run)

    def __call__(self, v, dtype, cotangent=None):
        """The member and the gradients, in float64."""
        cotangent = np.ones(self.case.shape) if cotangent is None else cotangent
        wide = "float64" if dtype == "float64" else "float32"
        with arithmetic(dtype):
            w, slopes = self._run(tensor(cotangent, wide), *(tensor(one, dtype) for one in v))
            assert keras.backend.standardize_dtype(w.dtype) == dtype
            assert tuple(w.shape) == self.case.shape
            return array(w), [array(slope) for slope in slopes]

    def free(self, method, w, dtype):
        """What `right_inverse` or `start` gives for a member, as arrays."""
        with arithmetic(dtype):
            found = getattr(self.map, method)(tensor(w, dtype))
            parts = found if isinstance(found, tuple) else (found,)
            assert [tuple(part.shape) for part in parts] == [tuple(s) for s in self.shapes]
            assert {keras.backend.standardize_dtype(part.dtype) for part in parts} == {dtype}
            return [array(part) for part in parts]

    def draw(self, dtype, seed=0):
        with arithmetic(dtype):
            return array(self.case.make().initializer(seed)(self.case.shape, dtype=dtype))


SMOOTH = [case for case in CASES if case.make().transform is not None]


@pytest.fixture(scope="module", params=SMOOTH, ids=lambda case: case.name)
def subject(request):
    return Subject(request.param)


def free_values(shapes, dtype, rng):
    """Free values of every size."""
    largest = {"float16": 6e4}.get(dtype, 1e30)
    base = [rng.normal(size=shape) for shape in shapes]
    values = {
        "zero": [b * 0 for b in base],
        "usual": base,
        "small": [1e-6 * b for b in base],
        "hundreds": [300.0 * b for b in base],
        "huge": [np.full_like(b, largest) for b in base],
        "negative huge": [np.full_like(b, -largest) for b in base],
        "huge signs": [largest * np.sign(b) for b in base],
        "one huge": [b + largest * (np.arange(b.size) == 1).reshape(b.shape) for b in base],
        "ties": [np.round(b) for b in base],
    }
    return {name: [as_stored(one, dtype) for one in v] for name, v in values.items()}


@pytest.mark.parametrize("dtype", DTYPES)
def test_lands_inside_with_a_finite_gradient(subject, dtype, rng):
    """Every finite free value stands for a member, and its gradient is finite."""
    out, broken = [], []
    for name, v in free_values(subject.shapes, dtype, rng).items():
        w, slopes = subject(v, dtype)
        if not subject.case.is_member(w, dtype):
            out.append(name)
        if not all(np.isfinite(slope).all() for slope in slopes):
            broken.append(name)
    assert not out
    assert not broken


@pytest.mark.parametrize("dtype", DTYPES)
def test_right_inverse(subject, dtype, rng):
    """The free value of a member, corners included, stands for that member."""
    for _ in range(8):
        w = as_stored(subject.case.sample(rng), dtype)
        back, _ = subject(subject.free("right_inverse", w, dtype), dtype)
        loose = 8 * eps(dtype) * (np.linalg.norm(w) + np.linalg.norm(subject.draw("float32")))
        assert np.linalg.norm(back - w) <= loose + subject.case.accuracy * np.linalg.norm(w)


@pytest.mark.parametrize("dtype", DTYPES)
def test_start_is_near_and_alive(subject, dtype, rng):
    """From the start of a draw every weight can move, as far as a step of Adam moves a kernel."""
    w = subject.draw(dtype)
    v = subject.free("start", w, dtype)
    cotangent = rng.normal(size=subject.case.shape)
    began, slopes = subject(v, dtype, cotangent)
    assert subject.case.is_member(began, dtype)
    assert np.linalg.norm(began - w) <= 0.5 * np.linalg.norm(w)
    if dtype != "float32":
        return
    free = subject.draw(dtype, 1) != w
    rate = 1e-3 * subject.map.deviation(subject.case.shape)
    moved, _ = subject([a - rate * np.sign(b) for a, b in zip(v, slopes, strict=True)], dtype)
    step = abs(moved - began)[free]
    assert np.mean(step > 1e-4 * step.max()) >= 0.9
    relative = np.linalg.norm(step) / np.linalg.norm(began) / 1e-3
    assert 0.1 <= relative <= 3.0


def test_gradient(subject, rng):
    """In float64 the gradient is the slope between two free values close by."""
    v = subject.free("start", subject.draw("float64"), "float64")
    deviation = subject.map.deviation(subject.case.shape)
    v = [one + 0.1 * deviation * rng.normal(size=one.shape) for one in v]
    cotangent = rng.normal(size=subject.case.shape)
    way = [rng.normal(size=one.shape) for one in v]
    _, slopes = subject(v, "float64", cotangent)
    step = 1e-5 * deviation
    ahead, _ = subject([a + step * b for a, b in zip(v, way, strict=True)], "float64")
    behind, _ = subject([a - step * b for a, b in zip(v, way, strict=True)], "float64")
    expected = np.sum((ahead - behind) / (2 * step) * cotangent)
    found = sum(np.sum(a * b) for a, b in zip(slopes, way, strict=True))
    size = np.linalg.norm((ahead - behind) / (2 * step)) * np.linalg.norm(cotangent)
    assert abs(found - expected) <= 1e-6 * size


def test_by_itself_as_compiled(subject, rng):
    """The map gives the same in a compiled step and outside of one."""
    v = free_values(subject.shapes, "float32", rng)["usual"]
    w, _ = subject(v, "float32")
    alone = array(subject.map.forward(*(tensor(one) for one in v)))
    np.testing.assert_allclose(alone, w, rtol=1e-5, atol=2e-6 * abs(w).max())
