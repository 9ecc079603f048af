"""Heavy algorithms as pure functions on tensors. They know nothing of sets or layers."""

from ._diagonals import circulant as circulant
from ._diagonals import from_diagonals as from_diagonals
from ._diagonals import from_first_row as from_first_row
from ._diagonals import toeplitz as toeplitz
from ._dykstra import dykstra as dykstra
from ._largest import keep_largest as keep_largest
from ._limits import at_least as at_least
from ._limits import at_most as at_most
from ._norms import polar as polar
from ._norms import safe_norm as safe_norm
from ._polar import polar_factor as polar_factor
from ._simplex import project_simplex as project_simplex

__all__ = [
    "at_least", "at_most", "circulant", "dykstra", "from_diagonals", "from_first_row",
    "keep_largest", "polar", "polar_factor", "project_simplex", "safe_norm", "toeplitz",
]  # fmt: skip
