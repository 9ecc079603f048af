"""What every set promises of weights of any shape, dtype and scale."""

import re

import keras
import numpy as np
import pytest
from cases_shaped import LEAST, SHAPED, SQUARES, Wanted
from conftest import array, as_stored, same_bits, tensor
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import constrainit as ci

QUIET = pytest.mark.filterwarnings("ignore:.*has no members of the wanted scale:UserWarning")
DTYPES = ("float32", "bfloat16", "float16")
# float16 has no number above 65504, and none that is exact below 6e-5.
SCALES = {"float16": (1e-2, 1.0, 1e2)}
FAR = {"float16": 1e4}

SWEEP = settings(
    max_examples=10, deadline=None, derandomize=True, database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip


@st.composite
def wanted(draw, name, dtype):
    """A shape of one to four axes, the axes of a unit, a size of the set's own numbers."""
    rank = draw(st.integers(LEAST.get(name, 1), 4))
    longest = {1: 9, 2: 9, 3: 5, 4: 4}[rank]
    shape = draw(st.lists(st.integers(1, longest), min_size=rank, max_size=rank))
    if name in SQUARES:
        shape[-1] = shape[-2]
    axes = st.lists(st.integers(0, rank - 1), min_size=1, max_size=rank, unique=True)
    axis = draw(st.none() | axes)
    if axis and draw(st.booleans()):
        axis = [a - rank for a in axis]
    size = draw(st.sampled_from(SCALES.get(dtype, (1e-6, 1e-2, 1.0, 1e6))))
    x = Wanted(tuple(shape), axis, size, draw(st.integers(0, 99)))
    # No argument fits these: an equation of one weight, one block of no weights.
    assume(not (name == "Affine" and x.count == 1) and not (name == "Product" and shape[0] == 1))
    return x


def weights(shape, dtype):
    """Weights of a scale, with ties and zeros among them, as `dtype` stores them."""
    entry = st.floats(-4, 4, width=16) | st.sampled_from([0.0, 1.0, -1.0, 0.5])
    scale = st.sampled_from([10.0**k for k in range(-6, 7)]).map(
        lambda s: min(s, FAR.get(dtype, s))
    )
    values = hnp.arrays("float64", shape, elements=entry)
    return st.builds(lambda w, size: as_stored(w * size, dtype), values, scale)


def is_refused(x, a_set, dtype):
    """Whether the set takes no weight of the shape; then it says so everywhere, alike."""
    w = np.ones(x.shape)
    try:
        a_set.check_shape(x.shape)
    except ValueError as refusal:
        said = str(refusal)
        assert str(x.shape) in said or "Received" in said, said
        for ask in (a_set.project, a_set.violation):
            with pytest.raises(ValueError, match=r"\A") as caught:
                ask(tensor(w, dtype))
            assert str(caught.value) == said
        with pytest.raises(ValueError, match=r"\A") as caught:
            a_set.initializer(0)(x.shape, dtype=dtype)
        assert said in str(caught.value)
        return True
    return False


class Subject:
    """A set on weights of one shape, in one dtype."""

    def __init__(self, case, dtype):
        self.case, self.dtype, self.set = case, dtype, case.make()

    def checked(self, w):
        """A result in float64, of the right shape and dtype, in the set as NumPy sees it."""
        assert tuple(w.shape) == self.case.shape
        assert keras.backend.standardize_dtype(w.dtype) == self.dtype
        values = array(w)
        assert self.case.is_member(values, self.dtype)
        assert float(array(self.set.violation(w))) == 0.0
        return values

    def project(self, w):
        return self.checked(self.set.project(tensor(w, self.dtype)))

    def draw(self, seed=0):
        return self.checked(self.set.initializer(seed)(self.case.shape, dtype=self.dtype))

    def forward(self, v):
        a_map = self.set.transform
        return self.checked(a_map.forward(v, *([self.case.shape] if a_map.reshapes else [])))


def promises(subject, w, v):
    """The images of `w`, of a draw and of a free value are members; nothing moves twice.

    Args:
        subject: The set.
        w: Weights.
        v: Free values of a shape, from that shape.
    """
    image, drawn = subject.project(w), subject.draw()
    for member in (image, drawn):
        again = subject.set.project(tensor(member, subject.dtype))
        assert same_bits(array(again), member)
    a_map = subject.set.transform
    if a_map is None:
        return
    free = a_map.free_shape(subject.case.shape)
    subject.forward(tensor(v(free), subject.dtype))
    for member in (image, drawn):
        for begin in (a_map.right_inverse, a_map.start):
            began = begin(tensor(member, subject.dtype))
            assert tuple(began.shape) == free
            subject.forward(began)


# What a shape changes is how axes are moved and told apart, which is the same code everywhere.
# Others compile it anew for each shape: they see a few shapes, with axes of a single entry.
by_hypothesis = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="PyTorch compiles nothing; see test_few_shapes"
)


@by_hypothesis
@pytest.mark.parametrize("name", SHAPED)
@QUIET
@SWEEP
@given(data=st.data())
def test_any_shape(name, data):
    """In any shape, dtype and scale; a shape that does not fit is refused."""
    dtype = data.draw(st.sampled_from(DTYPES))
    x = data.draw(wanted(name, dtype))
    subject = Subject(SHAPED[name](x), dtype)
    if not is_refused(x, subject.set, dtype):
        w = data.draw(weights(x.shape, dtype))
        promises(subject, w, lambda free: data.draw(weights(free, dtype)))


FEW = [
    ("UnitNorm", (1,), None), ("Simplex", (2, 1, 3), [-1, 0]), ("Masked_Simplex", (3, 1), None),
    ("Halfspace", (3, 3), [0]), ("Monotone", (1, 2, 1), [2]), ("Convex", (2, 1), [0]),
    ("Unimodal", (1, 3), [0]), ("Orthogonal", (1, 3, 2, 1), [1, 3]), ("LowRank", (1, 1), None),
    ("PositiveSemidefinite", (2, 1, 1, 1), None), ("CorrelationCholesky", (2, 1, 1), None),
    ("Toeplitz", (1, 3, 1), None), ("DoublyStochastic", (1, 1), None), ("Transport", (1, 3), None),
    ("ConvSpectralNorm", (1, 1, 2), None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shape", "axis"), FEW)
@QUIET
def test_few_shapes(name, shape, axis, rng):
    """Axes of a single entry, at the front, in the middle and at the end."""
    promises(
        Subject(SHAPED[name](Wanted(shape, axis)), "float32"),
        as_stored(rng.normal(size=shape), "float32"),
        lambda free: as_stored(1e5 * np.ones(free), "float32"),
    )


MISFITS = [
    (ci.Simplex(axis=1), (3,)), (ci.Monotone(axis=-3), (3, 2)), (ci.Orthogonal(), (3,)),
    (ci.Orthogonal(axis=[0, 1]), (3, 2)), (ci.SpecialOrthogonal(), (3, 2)), (ci.LowRank(1), ()),
    (ci.Symmetric(), (2, 3)), (ci.Symmetric(), (3,)), (ci.Correlation(), ()),
    (ci.CholeskyFactor(), (2, 3)), (ci.Toeplitz(), (3,)), (ci.Circulant(), (3, 2)),
    (ci.ColumnStochastic(), (3,)), (ci.Transport([1], [1]), (1,)), (ci.Sparse(1, 2), (3,)),
    (ci.ConvSpectralNorm(), (3, 2)), (ci.Unimodal(at=3), (3, 2)), (ci.Sign([1, 0]), (3,)),
    (ci.Fixed([1, 0]), (2, 3)), (ci.Box([0, 1]), (3,)), (ci.Masked(ci.Box(0), [1, 0]), (3,)),
    (ci.Blocks(ci.Box(0), 2), (3, 3)), (ci.Product([ci.Box(0), None], [1, 2]), (4,)),
    (ci.Halfspace([1, 2], 0), (3, 3)), (ci.Affine([1, 2]), (3, 3)),
    (ci.Simplex(axis=1) & ci.TopK(1), (3,)), (ci.Simplex(), (0, 3)), (ci.Symmetric(), (2, 0, 0)),
    (ci.Box(0), (0,)),
]  # fmt: skip


@pytest.mark.parametrize("index", range(len(MISFITS)))
def test_misfits(index):
    """A shape that is none of the set's is refused in one sentence by whatever is asked."""
    a_set, shape = MISFITS[index]
    assert is_refused(Wanted(shape, None), a_set, "float32") or 0 in shape
    for ask in (a_set.project, a_set.violation, lambda w: a_set.initializer(0)(w.shape)):
        with pytest.raises(ValueError, match=rf"Received: .*({re.escape(str(shape))}|axis)"):
            ask(np.ones(shape, "float32"))


def test_every_set_has_shapes():
    """No set of the catalogue is left out."""
    made = {type(row(Wanted((2, 2, 2), None)).make()).__name__ for row in SHAPED.values()}
    assert made == set(ci.sets.__all__) - {"as_set"}
