"""Smooth maps onto sets: what stands behind `set.transform`."""

from constrainit.transforms._transform import Transform
from constrainit.transforms.bounds import of_bounds
from constrainit.transforms.definite import Rows, Square
from constrainit.transforms.linear import Linear
from constrainit.transforms.norms import of_norms
from constrainit.transforms.orthogonal import Polar
from constrainit.transforms.shares import Softmax
from constrainit.transforms.signs import Signs

__all__ = ["Linear", "Polar", "Rows", "Signs", "Softmax", "Square", "Transform", "of_bounds", "of_norms"]
