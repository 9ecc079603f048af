"""Heavy algorithms as pure functions on tensors. They know nothing of sets or layers."""

from ._dykstra import dykstra as dykstra
from ._limits import at_least as at_least
from ._limits import at_most as at_most
from ._norms import polar as polar
from ._norms import safe_norm as safe_norm
from ._polar import polar_factor as polar_factor
from ._simplex import project_simplex as project_simplex

__all__ = [
    "at_least", "at_most", "dykstra", "polar", "polar_factor", "project_simplex", "safe_norm",
]  # fmt: skip
