"""What is measured against what: each set, its peers, its reference and its goal."""

import dataclasses
import functools
from collections.abc import Callable

import keras
import numpy as np
import sets_references as exact
from keras import ops
from sets_timing import BACKEND, ON_GPU

import constrainit as ci

RANK = 32


@dataclasses.dataclass(frozen=True)
class Match:
    """A set and its peers.

    `peers` make, from a shape, a function of a weight; those whose names start with "(map)" make
    a member from free parameters, not the nearest one. Those `spared` see the usual inputs only:
    on hard ones they do not end, or take minutes.
    """

    set: str
    shape: tuple[int, int]
    nearest: Callable
    off: Callable
    peers: dict[str, Callable]
    goal: str = ""
    heavy: bool = True
    spared: tuple[str, ...] = ()

    def make(self):
        """The set."""
        return eval(self.set, vars(ci))

    @property
    def name(self):
        """The class of the set."""
        return self.set.split("(")[0]


def in_float32(function):
    """A function that knows no half precision, as one has to call it."""
    return lambda w: ops.cast(function(ops.cast(w, "float32")), w.dtype)


def by_column(function):
    """A function of a vector, for each column."""

    def make(_):
        import jax

        return in_float32(jax.vmap(function(), in_axes=1, out_axes=1))

    return make


def optax(name):
    """A projection of optax."""

    def load():
        import optax

        return getattr(optax.projections, name)

    return by_column(load)


def jaxopt_isotonic():
    from jaxopt import isotonic

    return functools.partial(isotonic.isotonic_l2_pav, increasing=True)


def jaxopt_birkhoff(_):
    from jaxopt import projection

    return in_float32(projection.projection_birkhoff)


def geoopt(name):
    """The projection of a manifold of geoopt."""

    def make(_):
        import geoopt

        return in_float32(getattr(geoopt, name)().projx)

    return make


def geotorch(name, **options):
    """Maps of geotorch from free parameters, by the exponential and by Cayley's map."""

    def make(shape, triv):
        import geotorch

        map_of = getattr(geotorch, name)(shape, triv=triv, **options)
        return in_float32(map_of.to(ops.zeros(()).device))

    return {
        f"(map) geotorch, {triv}": functools.partial(make, triv=triv) for triv in ("expm", "cayley")
    }


def svd_polar(_):
    """The polar factor by the backend's own decomposition."""

    def project(w):
        u, _, v = ops.svd(w, full_matrices=False)
        return u @ v

    return in_float32(project)


def plain(function):
    """A peer that needs no shape."""
    return lambda _: function


def on(backend, peers):
    """The peers, if this is their backend."""
    return peers if backend == BACKEND else {}


def clip(w):
    """The bounds of `Box(-0.0625, 0.0625)` and nothing else."""
    return ops.clip(w, -0.0625, 0.0625)


def clip_decimal(w):
    """The bounds of `Box(-0.05, 0.05)` and nothing else."""
    return ops.clip(w, -0.05, 0.05)


def outside(low, high):
    """How far entries are from an interval."""
    return lambda w: max(low - w.min(), w.max() - high, 0.0)


KERAS = keras.constraints
WIDE, SQUARE, SMALL = (1024, 1024), (512, 512), (256, 256)

MATCHES = (
    Match("NonNegative()", WIDE, lambda w: np.maximum(w, 0), outside(0, np.inf),
          {"Keras NonNeg": plain(KERAS.NonNeg())}, "1.1 x", heavy=False),
    Match("Box(-0.0625, 0.0625)", WIDE, lambda w: np.clip(w, -0.0625, 0.0625),
          outside(-0.0625, 0.0625), {"ops.clip": plain(clip)}, "1.1 x", heavy=False),
    Match("Box(-0.05, 0.05)", WIDE, lambda w: np.clip(w, -0.05, 0.05), outside(-0.05, 0.05),
          {"ops.clip": plain(clip_decimal)}, "1.1 x", heavy=False),
    Match("MaxNorm(1.0, axis=0)", WIDE, exact.max_norm,
          lambda w: max(exact.column_norms(w).max() - 1, 0.0),
          {"Keras MaxNorm": plain(KERAS.MaxNorm(1.0, axis=0))}, "1.1 x", heavy=False),
    Match("UnitNorm(axis=0)", WIDE, exact.unit_norm,
          lambda w: np.abs(exact.column_norms(w) - 1).max(),
          {"Keras UnitNorm": plain(KERAS.UnitNorm(axis=0))}, "1.1 x", heavy=False),
    Match("Simplex(axis=0)", WIDE, exact.simplex, exact.shares_off,
          on("jax", {"optax": optax("projection_simplex")}), "1/25 x, error 5e-7"),
    Match("L1Ball(1.0, axis=0)", WIDE, exact.l1_ball,
          lambda w: max(np.abs(w).sum(axis=0).max() - 1, 0.0),
          on("jax", {"optax": optax("projection_l1_ball")}), "1/15 x"),
    Match("Monotone(axis=0)", (1024, 64), exact.isotonic,
          lambda w: max(-np.diff(w, axis=0).min(), 0.0),
          # It computes on the host.
          {} if ON_GPU else on("jax", {"jaxopt": by_column(jaxopt_isotonic)}), "1/50 x",
          spared=("jaxopt",)),
    Match("DoublyStochastic()", SMALL, exact.birkhoff, exact.stochastic_off,
          {**on("jax", {"jaxopt": jaxopt_birkhoff}),
           **on("torch", {"geoopt (Sinkhorn)": geoopt("BirkhoffPolytope")})},
          "1/4 x, violation 1e-6",
          spared=("jaxopt",)),
    Match("Orthogonal(axis=0)", WIDE, exact.polar, exact.orthogonal_off,
          {"SVD": svd_polar}, "0.45 x, error 1e-5"),
    Match("PositiveSemidefinite()", SQUARE, exact.semidefinite, exact.semidefinite_off,
          on("torch", {"geoopt": geoopt("SymmetricPositiveDefinite"), **geotorch("PSSD")})),
    Match("Correlation()", SMALL, exact.correlation,
          lambda w: max(exact.semidefinite_off(w), np.abs(np.diag(w) - 1).max()), {}),
    Match("SpectralNorm(1.0)", SQUARE, exact.spectral,
          lambda w: max(np.linalg.norm(w, 2) - 1, 0.0),
          on("torch", geotorch("AlmostOrthogonal", lam=0.9))),
    Match("SingularValues(0.5, 1.5)", SQUARE, exact.in_range,
          lambda w: exact.range_off(np.linalg.svd(w, compute_uv=False)),
          on("torch", geotorch("AlmostOrthogonal", lam=0.5))),
    Match("NuclearNorm(8.0)", SQUARE, exact.nuclear,
          lambda w: max(np.linalg.norm(w, "nuc") - 8, 0.0), {}),
    Match("Dissipative(0.1)", SQUARE, exact.dissipative,
          lambda w: max(np.linalg.eigvalsh((w + w.T) / 2).max() + 0.1, 0.0), {}),
    Match(f"LowRank({RANK})", SQUARE, functools.partial(exact.low_rank, rank=RANK),
          functools.partial(exact.rank_off, rank=RANK),
          on("torch", geotorch("LowRank", rank=RANK))),
)  # fmt: skip
