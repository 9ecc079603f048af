"""The sets, one family a file."""

from .combine import Blocks as Blocks
from .combine import Masked as Masked
from .custom import Custom as Custom
from .elementwise import Box as Box
from .elementwise import NonNegative as NonNegative
from .elementwise import Positive as Positive
from .grid import Grid as Grid
from .intersection import Intersection as Intersection
from .keras_builtin import as_set as as_set
from .matrices import Orthogonal as Orthogonal
from .matrices import Symmetric as Symmetric
from .norms import MaxNorm as MaxNorm
from .norms import NormRange as NormRange
from .norms import UnitNorm as UnitNorm
from .pattern import Fixed as Fixed
from .pattern import Sign as Sign
from .self_starting import SelfStarting as SelfStarting
from .sparse import Sparse as Sparse
from .sparse import TopK as TopK
from .structured import Banded as Banded
from .structured import Circulant as Circulant
from .structured import Diagonal as Diagonal
from .structured import Toeplitz as Toeplitz
from .structured import Triangular as Triangular
from .sums import Simplex as Simplex
from .sums import SumTo as SumTo

__all__ = [
    "Banded", "Blocks", "Box", "Circulant", "Custom", "Diagonal", "Fixed", "Grid", "Intersection",
    "Masked", "MaxNorm", "NonNegative", "NormRange", "Orthogonal", "Positive", "SelfStarting",
    "Sign", "Simplex", "Sparse", "SumTo", "Symmetric", "Toeplitz", "TopK", "Triangular", "UnitNorm",
    "as_set",
]  # fmt: skip
