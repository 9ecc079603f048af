"""Smooth maps onto sets: what stands behind `set.transform`."""

from constrainit.transforms._transform import Transform
from constrainit.transforms.bounds import of_bounds
from constrainit.transforms.linear import Linear

__all__ = ["Linear", "Transform", "of_bounds"]
