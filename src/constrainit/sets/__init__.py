"""The sets, one family a file."""

from .blocks import Blocks as Blocks
from .blocks import Product as Product
from .braked import Braked as Braked
from .cholesky import CholeskyFactor as CholeskyFactor
from .cholesky import CorrelationCholesky as CorrelationCholesky
from .combine import Masked as Masked
from .custom import Custom as Custom
from .definite import Correlation as Correlation
from .definite import Dissipative as Dissipative
from .definite import PositiveSemidefinite as PositiveSemidefinite
from .definite import SkewSymmetric as SkewSymmetric
from .definite import Symmetric as Symmetric
from .elementwise import Box as Box
from .elementwise import MaxAbs as MaxAbs
from .elementwise import NonNegative as NonNegative
from .elementwise import Positive as Positive
from .grid import Grid as Grid
from .intersection import Intersection as Intersection
from .keras_builtin import as_set as as_set
from .l1 import GroupL1Ball as GroupL1Ball
from .l1 import L1Ball as L1Ball
from .l1 import L1Sphere as L1Sphere
from .linear import Affine as Affine
from .linear import Polyhedron as Polyhedron
from .mapped import Mapped as Mapped
from .norms import MaxNorm as MaxNorm
from .norms import NormRange as NormRange
from .norms import UnitNorm as UnitNorm
from .order import Concave as Concave
from .order import Convex as Convex
from .order import Monotone as Monotone
from .order import Unimodal as Unimodal
from .orthogonal import Orthogonal as Orthogonal
from .orthogonal import SingularValues as SingularValues
from .orthogonal import SpecialOrthogonal as SpecialOrthogonal
from .paced import Every as Every
from .paced import Relaxed as Relaxed
from .pattern import Fixed as Fixed
from .pattern import Sign as Sign
from .self_starting import SelfStarting as SelfStarting
from .sparse import Sparse as Sparse
from .sparse import TopK as TopK
from .spectral import ConvSpectralNorm as ConvSpectralNorm
from .spectral import LowRank as LowRank
from .spectral import NuclearNorm as NuclearNorm
from .spectral import SpectralNorm as SpectralNorm
from .stochastic import ColumnStochastic as ColumnStochastic
from .stochastic import DoublyStochastic as DoublyStochastic
from .stochastic import RowStochastic as RowStochastic
from .stochastic import Transport as Transport
from .structured import Banded as Banded
from .structured import Circulant as Circulant
from .structured import Diagonal as Diagonal
from .structured import Toeplitz as Toeplitz
from .structured import Triangular as Triangular
from .sums import Halfspace as Halfspace
from .sums import Simplex as Simplex
from .sums import SumTo as SumTo
from .sums import ZeroMean as ZeroMean

__all__ = [
    "Affine", "Banded", "Blocks", "Box", "Braked", "CholeskyFactor", "Circulant",
    "ColumnStochastic", "Concave", "ConvSpectralNorm", "Convex", "Correlation",
    "CorrelationCholesky", "Custom", "Diagonal", "Dissipative", "DoublyStochastic", "Every",
    "Fixed", "Grid", "GroupL1Ball", "Halfspace", "Intersection", "L1Ball", "L1Sphere", "LowRank",
    "Mapped", "Masked", "MaxAbs", "MaxNorm", "Monotone", "NonNegative", "NormRange", "NuclearNorm",
    "Orthogonal", "Polyhedron", "Positive", "PositiveSemidefinite", "Product", "Relaxed",
    "RowStochastic", "SelfStarting", "Sign", "Simplex", "SingularValues", "SkewSymmetric", "Sparse",
    "SpecialOrthogonal", "SpectralNorm", "SumTo", "Symmetric", "Toeplitz", "TopK", "Transport",
    "Triangular", "Unimodal", "UnitNorm", "ZeroMean", "as_set",
]  # fmt: skip
