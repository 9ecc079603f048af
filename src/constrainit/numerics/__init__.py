"""Heavy algorithms as pure functions on tensors. They know nothing of sets or layers."""

from ._dykstra import dykstra as dykstra
from ._norms import polar as polar
from ._norms import safe_norm as safe_norm
from ._polar import polar_factor as polar_factor
from ._simplex import project_simplex as project_simplex

__all__ = ["dykstra", "polar", "polar_factor", "project_simplex", "safe_norm"]
