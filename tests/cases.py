"""One row per set: what the contract is tested with, family by family."""

import cases_combine
import cases_factors
import cases_matrices
import cases_meeting
import cases_orders
import cases_structure
import cases_sums
import keras
import numpy as np
from kinds import (
    FIRST,
    MASK,
    Bounds,
    C,
    Case,
    ConeShell,
    Few,
    G,
    M,
    NoFirstInput,
    Probability,
    S,
    Shell,
    Sum,
    V,
    bounds,
    by_unit,
    capped_sum,
    centred,
    clipped,
    corner_direction,
    entries,
    glorot,
    inverse_inputs,
    is_capped,
    is_symmetric,
    masked,
    near,
    orthogonal,
    permutations,
    slices,
    symmetric_distance,
    symmetric_sample,
    whole,
)

import constrainit as ci

CASES = [
    # Bounds
    bounds("NonNegative", ci.NonNegative, M, 0.0),
    bounds("NonNegative_conv", ci.NonNegative, C, 0.0),
    bounds("Positive", ci.Positive, M, 1e-4),
    bounds("Positive_third", lambda: ci.Positive(1 / 3), V, 1 / 3),
    bounds("Box", lambda: ci.Box(-0.1, 0.3), M, -0.1, 0.3),
    bounds("Box_wide", lambda: ci.Box(-1.0, 1.0), M, -1.0, 1.0, variance=glorot),
    bounds("SelfStarting", lambda: ci.SelfStarting(ci.Box(0.25, 1), 1e30), M, 0.25, 1.0),
    bounds("Mapped_exp", lambda: ci.Mapped(ci.Positive(), "exp"), M, 1e-4),
    bounds("Mapped_exp_below", lambda: ci.Mapped(ci.Box(upper=-0.7), "exp"), V, high=-0.7),
    bounds("Mapped_tanh", lambda: ci.Mapped(ci.Box(-0.1, 0.3), "tanh"), M, -0.1, 0.3),
    bounds("Mapped_tanh_even", lambda: ci.Mapped(ci.MaxAbs(0.2), "tanh"), M, -0.2, 0.2),
    bounds("Box_above", lambda: ci.Box(0.7), V, 0.7),
    bounds("Box_below", lambda: ci.Box(upper=-0.7), V, high=-0.7),
    # Norms
    by_unit("MaxNorm", lambda: ci.MaxNorm(1.5), M, Shell(0.0, 1.5), FIRST),
    by_unit("MaxNorm_loose", lambda: ci.MaxNorm(9.0, axis=0), M, Shell(0, 9), FIRST,
            variance=glorot),
    by_unit("MaxNorm_rows", lambda: ci.MaxNorm(0.3, axis=-1), M, Shell(0.0, 0.3), slices(M, (1,))),
    by_unit("UnitNorm", ci.UnitNorm, M, Shell(1, 1), FIRST, convex=False, variance=inverse_inputs),
    by_unit("UnitNorm_vector", ci.UnitNorm, V, Shell(1, 1), whole(V), convex=False),
    by_unit("UnitNorm_conv", lambda: ci.UnitNorm(axis=[0, 1, 2]), C, Shell(1, 1),
            slices(C, (0, 1, 2)), convex=False),
    by_unit("UnitNorm_transposed", lambda: ci.UnitNorm(axis=[0, 1, -1]), C, Shell(1, 1),
            slices(C, (0, 1, 3)), convex=False),
    by_unit("NormRange", lambda: ci.NormRange(0.5, 2.0), M, Shell(0.5, 2.0), FIRST, convex=False),
    by_unit("NormRange_ball", lambda: ci.NormRange(0, 2.0, axis=0), M, Shell(0.0, 2.0), FIRST),
    # Sums
    by_unit("Simplex", ci.Simplex, M, Probability(1.0), FIRST, bounded_below=0.0),
    by_unit("Simplex_rows", lambda: ci.Simplex(3.0, axis=1), M, Probability(3.0), slices(M, (1,)),
            bounded_below=0.0),
    by_unit("Simplex_conv", lambda: ci.Simplex(axis=[0, 1]), C, Probability(1.0),
            slices(C, (0, 1)), bounded_below=0.0),
    by_unit("Simplex_vector", lambda: ci.Simplex(0.1), V, Probability(0.1), whole(V),
            bounded_below=0.0),
    by_unit("SumTo", ci.SumTo, M, Sum(0.0), FIRST, variance=glorot),
    by_unit("SumTo_one", lambda: ci.SumTo(1.0, axis=-1), M, Sum(1.0), slices(M, (1,))),
    by_unit("SumTo_conv", lambda: ci.SumTo(-2.0), C, Sum(-2.0), slices(C, (0, 1, 2))),
    # Matrices
    orthogonal("Orthogonal", ci.Orthogonal, M, (0,), variance=lambda shape: 1.0 / max(shape)),
    orthogonal("Orthogonal_wide", lambda: ci.Orthogonal(axis=-1), M, (1,)),
    orthogonal("Orthogonal_conv", ci.Orthogonal, C, (0, 1, 2)),
    Case("Symmetric", ci.Symmetric, S, lambda w, dtype: symmetric_distance(w),
         symmetric_sample(S), whole(S), is_inside=is_symmetric, variance=glorot),
    Case("Symmetric_stack", ci.Symmetric, (2, 3, 3), lambda w, dtype: symmetric_distance(w),
         symmetric_sample((2, 3, 3)), slices((2, 3, 3), (1, 2)), is_inside=is_symmetric),
    # Blocks: the gates of an LSTM and of a GRU
    orthogonal("Blocks_Orthogonal", lambda: ci.Blocks(ci.Orthogonal(), 3), G, (0,), count=3),
    by_unit("Blocks_Simplex", lambda: ci.Blocks(ci.Simplex(axis=-1), 3), G, Probability(1.0),
            slices(G, (1,)) * 3 + np.arange(12) // 4, bounded_below=0.0),
    by_unit("Blocks_first_axis", lambda: ci.Blocks(ci.UnitNorm(axis=0), 2, axis=0), M, Shell(1, 1),
            FIRST + 4 * (np.arange(6)[:, None] // 3), convex=False),
    bounds("Blocks_Box", lambda: ci.Blocks(ci.Box(-1, 2), 2), M, -1.0, 2.0),
    # Masks
    masked("Masked_UnitNorm", lambda: ci.Masked(ci.UnitNorm(), MASK), M, Shell(1, 1), FIRST, MASK,
           convex=False),
    masked("Masked_MaxNorm", lambda: ci.Masked(ci.MaxNorm(0.5, axis=0), MASK), M, Shell(0, 0.5),
           FIRST, MASK),
    masked("Masked_Simplex", lambda: ci.Masked(ci.Simplex(2.0), MASK), M, Probability(2.0), FIRST,
           MASK, bounded_below=0.0),
    masked("Masked_SumTo", lambda: ci.Masked(ci.SumTo(1.0), [[1], [1], [0], [1], [0], [1]]), M,
           Sum(1.0), FIRST, [[1], [1], [0], [1], [0], [1]]),
    masked("Masked_Box", lambda: ci.Masked(ci.Box(0.25, 1.0), MASK.tolist()), M, Bounds(0.25, 1.0),
           entries(M), MASK),
    masked("Masked_NonNegative", lambda: ci.Masked(ci.NonNegative(), MASK > 0), M, Bounds(0.0),
           entries(M), MASK, bounded_below=0.0),
    masked("Masked_Mapped", lambda: ci.Masked(ci.Mapped(ci.NonNegative(), "exp"), MASK > 0), M,
           Bounds(0.0), entries(M), MASK, bounded_below=0.0),
    # Intersections in one pass
    bounds("Intersection_bounds", lambda: ci.NonNegative() & ci.Box(-1.0, 0.1), M, 0.0, 0.1),
    by_unit("Intersection_sphere", lambda: ci.NonNegative() & ci.UnitNorm(), M, ConeShell(1, 1),
            FIRST, convex=False, bounded_below=0.0),
    by_unit("Intersection_ball", lambda: ci.MaxNorm(2.0, axis=1) & ci.NonNegative(), M,
            ConeShell(0.0, 2.0), slices(M, (1,)), bounded_below=0.0),
    by_unit("Intersection_shell", lambda: ci.NormRange(0.5, 2.0) & ci.NonNegative(), V,
            ConeShell(0.5, 2.0), whole(V), convex=False, bounded_below=0.0),
    # Sparse weights in another set
    by_unit("Intersection_few_shares", lambda: ci.Simplex(2.0) & ci.TopK(3), M,
            Few(Probability(2.0), 3, 6), FIRST, convex=False, bounded_below=0.0),
    by_unit("Intersection_few_sums", lambda: ci.TopK(2, axis=-1) & ci.L1Ball(1.5, axis=1), M,
            Few(cases_sums.Diamond(1.5), 2, 4), slices(M, (1,)), convex=False),
    by_unit("Intersection_few_sphere", lambda: ci.UnitNorm() & ci.Sparse(1, 2), M,
            Few(Shell(1, 1), 1, 2), FIRST, convex=False),
    by_unit("Intersection_few_cone", lambda: ci.NonNegative() & ci.TopK(2) & ci.MaxNorm(0.5), V,
            Few(ConeShell(0.0, 0.5), 2, 5), whole(V), convex=False, bounded_below=0.0),
    # Intersections by Dykstra's algorithm
    Case("Intersection_birkhoff", lambda: ci.Simplex(axis=0) & ci.Simplex(axis=1), S, None,
         lambda rng: permutations(rng, 4), whole(S), accuracy=1e-5,
         is_inside=lambda w, d: near(w, [(w.sum(0), 1), (w.sum(1), 1), (np.minimum(w, 0), 0)], d)),
    Case("Intersection_centred", lambda: ci.SumTo(axis=0) & ci.SumTo(axis=1), M, None,
         lambda rng: centred(rng, M), whole(M), accuracy=1e-5,
         is_inside=lambda w, d: near(w, [(w.sum(0), 0), (w.sum(1), 0)], d)),
    Case("Intersection_capped", lambda: ci.Box(0.0, 0.4) & ci.SumTo(1.0), M, None,
         lambda rng: np.stack([capped_sum(rng, 6) for _ in range(4)], axis=1), FIRST,
         accuracy=1e-5, bounded_below=0.0,
         is_inside=lambda w, d: is_capped(w, d) and near(w, [(w.sum(0), 1)], d)),
    Case("Intersection_symmetric", lambda: ci.Symmetric() & ci.MaxNorm(1.0), S, None,
         lambda rng: (lambda w: w / max(1.0, np.linalg.norm(w, axis=0).max()))(
             symmetric_sample(S)(rng)), whole(S), accuracy=1e-5,
         is_inside=lambda w, d: near(w, [(w, w.T), (np.fmax(np.linalg.norm(w, axis=0), 1), 1)], d)),
    *cases_meeting.ROWS,
    *cases_meeting.SHARP,
    # A user's own
    by_unit("Custom", lambda: ci.Custom(clipped), M, Bounds(-0.5, 2.0), entries(M)),
    Case("Custom_class", lambda: ci.Custom(NoFirstInput()), M,
         lambda w, d: (abs(w) * (np.arange(6) == 0)[:, None]).ravel(),
         lambda rng: (np.arange(6) > 0)[:, None] * corner_direction(rng, 24).reshape(M),
         entries(M)),
    *cases_sums.ROWS,
    *cases_matrices.ROWS,
    *cases_structure.ROWS,
    *cases_factors.ROWS,
    *cases_orders.ROWS,
    *cases_combine.ROWS,
]  # fmt: skip

BY_NAME = {case.name: case for case in CASES}
assert len(BY_NAME) == len(CASES)

# For what is compiled anew for each row and is the same for all rows of a class: where compiling
# takes most of the time, one row of each class.


def _kind(a_set):
    """The class of a set, twice for bounds, which may be one or many."""
    return type(a_set), getattr(a_set, "_by_entry", False)


FEW = list({_kind(case.make()): case for case in reversed(CASES)}.values())[::-1]
FEW = CASES if keras.backend.backend() == "torch" else FEW
