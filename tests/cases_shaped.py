"""Rows of sets for weights of any shape: what `cases.py` says of one shape, as a function of it."""

import dataclasses
import math

import numpy as np
from cases_combine import Free, product
from cases_factors import correlated, places
from cases_matrices import (
    damped_distance,
    definite_inside,
    is_correlation,
    mirrored,
)
from cases_meeting import ordered_in_bounds, sum_in_bounds
from cases_orders import Hill, turned
from cases_structure import LIMITS, SIGNS, SUPPORT, Few, Points, Value, by_place, equal
from cases_structure import few as few_of
from cases_sums import (
    Ascending,
    Bowl,
    Diamond,
    Edges,
    Faces,
    Flat,
    Side,
    is_plan,
    of_groups,
    ordered,
)
from kinds import (
    Bounds,
    Case,
    ConeShell,
    Probability,
    Shell,
    Sum,
    bounds,
    by_unit,
    entries,
    is_symmetric,
    masked,
    near,
    orthogonal,
    slack,
    slices,
)

import constrainit as ci


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What was drawn for a row.

    Args:
        shape: Shape of the weight.
        axis: The axes of a unit, as the set is told.
        size: How large the numbers are that the set holds.
        seed: Of what is drawn for patterns and masks.
    """

    shape: tuple[int, ...]
    axis: list[int] | None
    size: float = 1.0
    seed: int = 0

    @property
    def units(self):
        """The axes of a unit, counted from the first."""
        rank = len(self.shape)
        axis = self.axis or range(max(rank - 1, 1))
        return tuple(sorted(a % rank for a in axis))

    @property
    def one(self):
        """A single axis."""
        return self.axis[0] if self.axis else 0

    @property
    def count(self):
        return math.prod(self.shape[a] for a in self.units)

    @property
    def rng(self):
        return np.random.default_rng(self.seed)


def of_units(kind, make, **facts):
    """Rows of sets of one kind of unit: `kind(wanted)` and `make(wanted)`."""

    def row(x):
        groups = slices(x.shape, x.units)
        return by_unit("", lambda: make(x), x.shape, kind(x), groups, **facts)

    return row


def of_lines(kind, make, whole=None):
    """Rows of sets that speak of one axis."""

    def row(x):
        groups, one = slices(x.shape, (x.one % len(x.shape),)), kind(x)
        facts = {} if whole is None else {"is_inside": whole(one, groups)}
        return by_unit("", lambda: make(x), x.shape, one, groups, **facts)

    return row


def of_bounds(make, low=-math.inf, high=math.inf):
    """Rows of bounds, given for the size 1."""
    return lambda x: bounds("", lambda: make(x), x.shape, low * x.size, high * x.size)


def of_places(make, kinds, numbers):
    """Rows of sets that say for each place what an entry is."""
    return lambda x: by_place("", lambda: make(x), x.shape, kinds, numbers(x))


def of_masks(make, kind):
    """Rows of sets under a mask that is drawn."""

    def row(x):
        mask = x.rng.integers(0, 2, x.shape)
        mask.flat[0] |= not mask.any()
        groups = slices(x.shape, x.units)
        return masked("", lambda: ci.Masked(make(x), mask), x.shape, kind(x), groups, mask)

    return row


def folded(w, rows):
    """The matrix of a weight whose axes `rows` go to its rows."""
    rest = [a for a in range(w.ndim) if a not in rows]
    return np.transpose(w, [*rows, *rest]).reshape(math.prod(w.shape[a] for a in rows), -1)


def of_values(make, distance):
    """Rows of sets of the singular values of the folded weight: `distance(wanted, values)`."""

    def row(x):
        def inside(w, dtype):
            values = np.linalg.svd(folded(w, x.units), compute_uv=False)
            return distance(x, values) <= slack(w, dtype)

        return _row(x, make, inside)

    return row


def _row(x, make, inside):
    """A row of which only is known what is inside."""
    return Case("", lambda: make(x), x.shape, None, None, None, is_inside=inside)


def inside(make, is_inside):
    return lambda x: _row(x, make, lambda w, dtype: bool(is_inside(x, w, dtype)))


def _excess(values, bound):
    return np.linalg.norm(np.maximum(values - bound, 0.0))


def _nuclear(x, values):
    over = values.sum() > x.size
    return Probability(x.size).distance(values, "") if over else 0.0


def _each(distance):
    """Whether every matrix over the last two axes is within the tolerance."""

    def is_inside(x, w, dtype):
        loose = [slack(one, dtype) for one in w.reshape(-1, *w.shape[-2:])]
        return (distance(x)(w, dtype) <= loose).all()

    return is_inside


def _rotation(x, w, dtype):
    m = folded(w, x.units)
    unit = np.linalg.norm(np.linalg.svd(m, compute_uv=False) - 1) <= slack(w, dtype)
    return unit and np.linalg.det(m) > 0


def _rank_one(x, w, dtype):
    low = np.linalg.eigvalsh((w + mirrored(w)) / 2)
    off = np.sqrt(np.square(low[..., :-1]).sum(-1) + np.square(np.minimum(low[..., -1], 0)))
    loose = [slack(one, dtype) for one in w.reshape(-1, *w.shape[-2:])]
    return np.array_equal(w, mirrored(w)) and (off.ravel() <= loose).all()


def _window_norm(kernel):
    """The largest singular value over a fine grid of frequencies."""
    axes = tuple(range(kernel.ndim - 2))
    waves = np.fft.fftn(kernel, s=[32] * len(axes), axes=axes)
    return np.linalg.svd(waves, compute_uv=False).max()


def offsets(x):
    return np.arange(x.shape[-1]) - np.arange(x.shape[-2])[:, None]


def drawn(x, *values):
    return x.rng.choice(values, size=x.shape)


def gaps(x):
    return Ascending(0.25 * x.size, -1.0)


def normal(x):
    return tuple(np.round(x.rng.normal(size=x.count), 2) + 0.01)


def equations(x):
    """Not as many as leave no freedom."""
    return tuple(map(tuple, x.rng.normal(size=(1, x.count))))


def faces(x):
    return tuple(map(tuple, x.rng.normal(size=(3, x.count))))


def sums(x):
    rows = x.size * x.rng.uniform(0.5, 2.0, x.shape[-2])
    return rows, np.full(x.shape[-1], rows.sum() / x.shape[-1])


def _product(x):
    if x.shape[0] < 2:
        raise ValueError("shape")
    parts = [(1, Bounds(0.25, 1.0), entries), (x.shape[0] - 1, Free(), entries)]
    make = ci.Product([ci.Box(0.25, 1), None], [p[0] for p in parts], axis=0)
    return product("", lambda: make, x.shape, 0, parts)


def _blocks(x):
    """Each slice along the last axis is a block; its unit is all of it."""
    make = ci.Blocks(ci.Simplex(x.size, axis=list(range(len(x.shape)))), x.shape[-1])
    groups = slices(x.shape, tuple(range(len(x.shape) - 1)))
    return by_unit("", lambda: make, x.shape, Probability(x.size), groups)


UNITS = {
    "MaxNorm": of_units(lambda x: Shell(0.0, x.size), lambda x: ci.MaxNorm(x.size, x.axis)),
    "UnitNorm": of_units(lambda x: Shell(1, 1), lambda x: ci.UnitNorm(x.axis)),
    "NormRange": of_units(lambda x: Shell(0.5 * x.size, 2 * x.size),
                          lambda x: ci.NormRange(0.5 * x.size, 2 * x.size, x.axis)),
    "L1Ball": of_units(lambda x: Diamond(x.size), lambda x: ci.L1Ball(x.size, x.axis)),
    "GroupL1Ball": lambda x: of_groups("", lambda: ci.GroupL1Ball(x.size, x.axis), x.shape,
                                       slices(x.shape, x.units), x.size),
    "L1Sphere": of_units(lambda x: Edges(x.size), lambda x: ci.L1Sphere(x.size, x.axis)),
    "Simplex": of_units(lambda x: Probability(x.size), lambda x: ci.Simplex(x.size, x.axis),
                        bounded_below=0.0),
    "SumTo": of_units(lambda x: Sum(-x.size), lambda x: ci.SumTo(-x.size, x.axis)),
    "ZeroMean": of_units(lambda x: Sum(0.0), lambda x: ci.ZeroMean(x.axis)),
    "Halfspace": of_units(lambda x: Side((1.0,) * x.count, -x.size),
                          lambda x: ci.Halfspace(None, -x.size, x.axis)),
    "Halfspace_normal": of_units(lambda x: Side(normal(x), x.size),
                                 lambda x: ci.Halfspace(normal(x), x.size, x.axis)),
    "Affine": of_units(lambda x: Flat(equations(x), (x.size,)),
                       lambda x: ci.Affine(equations(x), x.size, x.axis)),
    "Polyhedron": of_units(lambda x: Faces(faces(x), (x.size,) * 3),
                           lambda x: ci.Polyhedron(faces(x), x.size, x.axis)),
    "Relaxed": of_units(lambda x: Shell(0.0, x.size),
                        lambda x: ci.Relaxed(ci.MaxNorm(x.size, x.axis), 1.0)),
    "Every": of_units(lambda x: Probability(1.0), lambda x: ci.Every(ci.Simplex(1, x.axis), 3)),
    "Masked_UnitNorm": of_masks(lambda x: ci.UnitNorm(x.axis), lambda x: Shell(1, 1)),
    "Masked_Simplex": of_masks(lambda x: ci.Simplex(x.size, x.axis),
                               lambda x: Probability(x.size)),
    "Masked_SumTo": of_masks(lambda x: ci.SumTo(x.size, x.axis), lambda x: Sum(x.size)),
    "Masked_L1Ball": of_masks(lambda x: ci.L1Ball(x.size, x.axis), lambda x: Diamond(x.size)),
    "Intersection_sphere": of_units(lambda x: ConeShell(1, 1),
                                    lambda x: ci.NonNegative() & ci.UnitNorm(x.axis)),
    "Intersection_sum_in_bounds": lambda x: sum_in_bounds(
        "", lambda: ci.SumTo(x.size, x.axis) & ci.MaxAbs(2 * x.size), x.shape, x.units, x.size,
        -2 * x.size, 2 * x.size),
    "TopK": lambda x: few_of("", lambda: ci.TopK(2, x.axis), x.shape, Few(2),
                             slices(x.shape, x.units)),
}  # fmt: skip

LINES = {
    "Monotone": of_lines(lambda x: Ascending(), lambda x: ci.Monotone(axis=x.one), ordered),
    "Monotone_gap": of_lines(
        gaps, lambda x: ci.Monotone("decreasing", 0.25 * x.size, x.one), ordered),
    "Convex": of_lines(lambda x: Bowl(), lambda x: ci.Convex(axis=x.one)),
    "Concave": of_lines(lambda x: Bowl(-1.0), lambda x: ci.Concave(axis=x.one)),
    "Unimodal": lambda x: turned("", lambda: ci.Unimodal(axis=x.one), x.shape, Hill(),
                                 slices(x.shape, (x.one % len(x.shape),))),
    "Unimodal_last": lambda x: turned(
        "", lambda: ci.Unimodal("valley", -1, x.one), x.shape,
        Hill(x.shape[x.one] - 1, -1.0), slices(x.shape, (x.one % len(x.shape),))),
    "Sparse": lambda x: few_of("", lambda: ci.Sparse(1, 2, x.one), x.shape, Few(1, 2),
                               slices(x.shape, (x.one % len(x.shape),))),
    "Intersection_calibrator": lambda x: ordered_in_bounds(
        "", lambda: ci.Monotone(axis=x.one) & ci.Box(0.0, x.size), x.shape,
        x.one % len(x.shape), 1, 0.0, 0.0, x.size),
}  # fmt: skip

ENTRIES = {
    "NonNegative": of_bounds(lambda x: ci.NonNegative(), 0.0),
    "Positive": of_bounds(lambda x: ci.Positive(x.size), 1.0),
    "Box": of_bounds(lambda x: ci.Box(-0.1 * x.size, 0.3 * x.size), -0.1, 0.3),
    "MaxAbs": of_bounds(lambda x: ci.MaxAbs(x.size), -1.0, 1.0),
    "Mapped": of_bounds(lambda x: ci.Mapped(ci.MaxAbs(x.size), "tanh"), -1.0, 1.0),
    "SelfStarting": of_bounds(lambda x: ci.SelfStarting(ci.MaxAbs(x.size), 1e30), -1.0, 1.0),
    "Braked": of_bounds(lambda x: ci.Braked(ci.MaxAbs(x.size)), -1.0, 1.0),
    "Custom": of_bounds(lambda x: ci.Custom(ci.MaxAbs(x.size)), -1.0, 1.0),
    "Grid": lambda x: by_unit("", lambda: ci.Grid(x.size, -x.size, x.size), x.shape,
                              Points(x.size, -1, 1), entries(x.shape), elementwise=True),
    "Sign": of_places(lambda x: ci.Sign(drawn(x, -1, 0, 1)), SIGNS, lambda x: drawn(x, -1, 0, 1)),
    "Fixed": lambda x: by_place("", lambda: ci.Fixed(drawn(x, 0, 1), x.size), x.shape,
                                {1: Value(x.size), 0: Bounds()}, drawn(x, 0, 1)),
    "Box_each": of_places(
        lambda x: ci.Box(np.choose(drawn(x, *LIMITS), [-np.inf, 0.0, -np.inf, -0.125]),
                         np.choose(drawn(x, *LIMITS), [np.inf, np.inf, -0.75, 0.375])),
        LIMITS, lambda x: drawn(x, *LIMITS)),
}  # fmt: skip

FOLDED = {
    "Orthogonal": lambda x: orthogonal("", lambda: ci.Orthogonal(x.axis), x.shape, x.units),
    "SpecialOrthogonal": inside(lambda x: ci.SpecialOrthogonal(x.axis), _rotation),
    "SingularValues": of_values(
        lambda x: ci.SingularValues(0.5 * x.size, 2 * x.size, x.axis),
        lambda x, s: np.linalg.norm(s - np.clip(s, 0.5 * x.size, 2 * x.size))),
    "SpectralNorm": of_values(lambda x: ci.SpectralNorm(x.size, x.axis),
                              lambda x, s: _excess(s, x.size)),
    "NuclearNorm": of_values(lambda x: ci.NuclearNorm(x.size, x.axis), _nuclear),
    "LowRank": of_values(lambda x: ci.LowRank(2, x.axis), lambda x, s: np.linalg.norm(s[2:])),
}  # fmt: skip

SQUARE = {
    "Symmetric": inside(lambda x: ci.Symmetric(), lambda x, w, d: is_symmetric(w, d)),
    "SkewSymmetric": inside(lambda x: ci.SkewSymmetric(),
                            lambda x, w, d: np.array_equal(w, -mirrored(w))),
    "PositiveSemidefinite": inside(lambda x: ci.PositiveSemidefinite(x.size),
                                   lambda x, w, d: definite_inside(x.size)(w, d)),
    "PositiveSemidefinite_rank": inside(lambda x: ci.PositiveSemidefinite(rank=1), _rank_one),
    "Dissipative": inside(lambda x: ci.Dissipative(x.size),
                          _each(lambda x: damped_distance(x.size))),
    "Correlation": inside(lambda x: ci.Correlation(), lambda x, w, d: is_correlation(w, d)),
    "CorrelationCholesky": lambda x: correlated("", lambda: ci.CorrelationCholesky(0.125),
                                                x.shape, 0.125),
    "Circulant": lambda x: equal("", ci.Circulant, x.shape, offsets(x) % x.shape[-1]),
    "DoublyStochastic": inside(lambda x: ci.DoublyStochastic(), lambda x, w, d: is_plan(w, d)),
    "Intersection_symmetric": inside(
        lambda x: ci.Symmetric() & ci.Box(-x.size, x.size),
        lambda x, w, d: near(w, [(w, mirrored(w)), (np.clip(w, -x.size, x.size), w)], d)),
}  # fmt: skip

MATRICES = {
    "CholeskyFactor": lambda x: by_place(
        "", lambda: ci.CholeskyFactor(0.25), x.shape, {**SUPPORT, 2: Bounds(0.25)},
        places(*x.shape[-2:])),
    "Triangular": of_places(lambda x: ci.Triangular(), SUPPORT, lambda x: offsets(x) <= 0),
    "Triangular_upper": of_places(lambda x: ci.Triangular(lower=False), SUPPORT,
                                  lambda x: offsets(x) >= 0),
    "Diagonal": of_places(lambda x: ci.Diagonal(), SUPPORT, lambda x: offsets(x) == 0),
    "Banded": of_places(lambda x: ci.Banded(2, 1), SUPPORT,
                        lambda x: (offsets(x) >= -2) & (offsets(x) <= 1)),
    "Toeplitz": lambda x: equal("", ci.Toeplitz, x.shape, offsets(x)),
    "RowStochastic": lambda x: by_unit("", ci.RowStochastic, x.shape, Probability(1.0),
                                       slices(x.shape, (len(x.shape) - 1,)), bounded_below=0.0),
    "ColumnStochastic": lambda x: by_unit(
        "", ci.ColumnStochastic, x.shape, Probability(1.0),
        slices(x.shape, (len(x.shape) - 2,)), bounded_below=0.0),
    "Transport": inside(lambda x: ci.Transport(*sums(x)), lambda x, w, d: is_plan(w, d, *sums(x))),
    "ConvSpectralNorm": inside(
        lambda x: ci.ConvSpectralNorm(x.size),
        lambda x, w, d: _window_norm(w) <= x.size + slack(w, d)),
    "Product": _product,
    "Blocks": _blocks,
}  # fmt: skip

SHAPED = {**UNITS, **LINES, **ENTRIES, **FOLDED, **SQUARE, **MATRICES}
SQUARES = set(SQUARE)
# How many axes a weight has at least: what has fewer is refused, see `test_refused_shapes`.
LEAST = {**dict.fromkeys([*SQUARE, *MATRICES], 2), "Blocks": 1, "Product": 1, "ConvSpectralNorm": 3}
