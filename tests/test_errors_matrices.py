"""Wrong arguments of the sets of matrices: the whole message each."""
# ruff: noqa: E501  (whole messages, each on its line)

import numpy as np
from conftest import whole_messages
from test_errors import FINITE, INF, NAN, POSITIVE, axis_errors

import constrainit as ci

ONES = np.ones((2, 3), "float32")

WRONG = [
    (lambda: ci.SpectralNorm(0.0), f"`bound` of `SpectralNorm` {POSITIVE} bound=0.0."),
    (lambda: ci.SpectralNorm(INF), f"`bound` of `SpectralNorm` {FINITE} bound=inf."),
    (lambda: ci.ConvSpectralNorm(-1), f"`bound` of `ConvSpectralNorm` {POSITIVE} bound=-1."),
    (lambda: ci.NuclearNorm(NAN), f"`radius` of `NuclearNorm` {FINITE} radius=nan."),
    (lambda: ci.NuclearNorm(0), f"`radius` of `NuclearNorm` {POSITIVE} radius=0."),
    (lambda: ci.LowRank(0), "`rank` of `LowRank` must be an integer of at least 1. Received: rank=0."),
    (lambda: ci.LowRank(2.0), "`rank` of `LowRank` must be an integer of at least 1. Received: rank=2.0."),
    (lambda: ci.PositiveSemidefinite(-0.5),
     "`minimum` of `PositiveSemidefinite` must be at least 0. Received: minimum=-0.5."),
    (lambda: ci.PositiveSemidefinite("a"), f"`minimum` of `PositiveSemidefinite` {FINITE} minimum='a'."),
    (lambda: ci.CholeskyFactor(0), f"`minimum` of `CholeskyFactor` {POSITIVE} minimum=0."),
    (lambda: ci.CholeskyFactor().project(ONES),
     r"`CholeskyFactor` needs a weight with at least as many rows as columns: the others have no diagonal "
     r"entry. Received: shape=\(2, 3\)."),
    (lambda: ci.CholeskyFactor().project(ONES[0]),
     r"`CholeskyFactor` needs a weight with rows and columns. Received: shape=\(3,\)."),
    (lambda: ci.CorrelationCholesky("a"), f"`minimum` of `CorrelationCholesky` {FINITE} minimum='a'."),
    (lambda: ci.CorrelationCholesky(1), "`minimum` of `CorrelationCholesky` must be below 1. Received: minimum=1."),
    (lambda: ci.CorrelationCholesky().project(ONES), "`CorrelationCholesky` needs a weight whose last two axes .*"),
    (lambda: ci.PositiveSemidefinite(rank=0),
     "`rank` of `PositiveSemidefinite` must be an integer of at least 1. Received: rank=0."),
    (lambda: ci.PositiveSemidefinite(0.1, rank=2),
     "`minimum` of `PositiveSemidefinite` must be 0 beside rank=2, which leaves eigenvalues of zero. "
     "Received: minimum=0.1."),
    (lambda: ci.Dissipative(-1), "`rate` of `Dissipative` must be at least 0. Received: rate=-1."),
    (lambda: ci.Dissipative(NAN), f"`rate` of `Dissipative` {FINITE} rate=nan."),
    (lambda: ci.Dissipative().project(ONES), "`Dissipative` needs a weight whose last two axes .*"),
    (lambda: ci.SingularValues(2, 1),
     r"`lower` of `SingularValues` must lie in \[0, upper=1\]. Received: lower=2."),
    (lambda: ci.SingularValues(-0.1, 1),
     r"`lower` of `SingularValues` must lie in \[0, upper=1\]. Received: lower=-0.1."),
    (lambda: ci.SingularValues(0, 0), f"`upper` of `SingularValues` {POSITIVE} upper=0."),
    *axis_errors(lambda a: ci.SingularValues(0, 1, axis=a), "SingularValues"),
    (lambda: ci.SingularValues(0, 1).project(ONES[0]),
     r"`SingularValues` needs a weight with rows and columns. .* For a vector use NormRange\(lower, upper\)."),
    (lambda: ci.PositiveSemidefinite(rank=1) & ci.Symmetric(),
     "`sets` of `Intersection` must be convex, each of them. Received: .*"),
    *axis_errors(lambda a: ci.SpecialOrthogonal(axis=a), "SpecialOrthogonal"),
    *axis_errors(lambda a: ci.SpectralNorm(1.0, axis=a), "SpectralNorm"),
    *axis_errors(lambda a: ci.NuclearNorm(1.0, axis=a), "NuclearNorm"),
    *axis_errors(lambda a: ci.LowRank(1, axis=a), "LowRank"),
    (lambda: ci.SpecialOrthogonal().project(ONES),
     r"`SpecialOrthogonal` needs a square matrix. Received: shape=\(2, 3\) with axis=None, a matrix of "
     r"2 rows and 3 columns. For other shapes use Orthogonal\(\)."),
    (lambda: ci.SpectralNorm().project(ONES[0]),
     r"`SpectralNorm` needs a weight with rows and columns. Received: shape=\(3,\) with axis=None. "
     r"For a vector use MaxNorm\(bound\)."),
    (lambda: ci.NuclearNorm(1.0).project(ONES[0]),
     r"`NuclearNorm` needs a weight with rows and columns. .* For a vector use MaxNorm\(radius\)."),
    (lambda: ci.LowRank(1).project(ONES[0]),
     r"`LowRank` needs a weight with rows and columns. .* A vector has rank 1."),
    (lambda: ci.ConvSpectralNorm().project(ONES),
     r"`ConvSpectralNorm` needs a kernel \(\*window, inputs, outputs\). Received: shape=\(2, 3\). For a "
     r"matrix use SpectralNorm\(bound\)\. In `plan`, too: .*"),
    (lambda: ci.PositiveSemidefinite().project(ONES),
     r"`PositiveSemidefinite` needs a weight whose last two axes have one size. Received: shape=\(2, 3\)."),
    (lambda: ci.Correlation().project(ONES), "`Correlation` needs a weight whose last two axes .*"),
    (lambda: ci.SkewSymmetric().project(ONES), "`SkewSymmetric` needs a weight whose last two axes .*"),
    (lambda: ci.Masked(ci.Correlation(), [[1, 0], [0, 1]]),
     "`set` of `Masked` must have a projection under a mask. Received: .*"),
    (lambda: ci.ConvSpectralNorm() & ci.NonNegative(),
     "`sets` of `Intersection` must be convex, each of them. Received: .*"),
    (lambda: ci.LowRank(1).transform.forward(ONES),
     r"`shape` of the transform of `LowRank` must be that of the weight: a free value has another one. "
     r"Received: shape=None for a free value of shape \(2, 3\). Write forward\(v, shape\)."),
    (lambda: ci.LowRank(1).transform.forward(ONES, (2, 3)),
     r"`v` of the transform of `LowRank` must be of shape \(5, 1\) for a weight of shape \(2, 3\). "
     r"Received: a free value of shape \(2, 3\)."),
]  # fmt: skip


test_message = whole_messages(WRONG)
