"""The sets, one family a file."""

from .combine import Blocks as Blocks
from .combine import Masked as Masked
from .custom import Custom as Custom
from .elementwise import Box as Box
from .elementwise import NonNegative as NonNegative
from .elementwise import Positive as Positive
from .intersection import Intersection as Intersection
from .keras_builtin import as_set as as_set
from .matrices import Orthogonal as Orthogonal
from .matrices import Symmetric as Symmetric
from .norms import MaxNorm as MaxNorm
from .norms import NormRange as NormRange
from .norms import UnitNorm as UnitNorm
from .self_starting import SelfStarting as SelfStarting
from .sums import Simplex as Simplex
from .sums import SumTo as SumTo

__all__ = [
    "Blocks", "Box", "Custom", "Intersection", "Masked", "MaxNorm", "NonNegative", "NormRange",
    "Orthogonal", "Positive", "SelfStarting", "Simplex", "SumTo", "Symmetric", "UnitNorm", "as_set",
]  # fmt: skip
