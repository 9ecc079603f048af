"""Smooth maps onto sets: what stands behind `set.transform`."""

from constrainit.transforms._transform import Transform
from constrainit.transforms.bounds import of_bounds
from constrainit.transforms.definite import Rows, Square
from constrainit.transforms.factors import Factors, FactorsInBall
from constrainit.transforms.linear import Linear
from constrainit.transforms.lipschitz import ConvBall, Cubic
from constrainit.transforms.norms import of_norms
from constrainit.transforms.shares import Softmax
from constrainit.transforms.signs import Signs

__all__ = [
    "ConvBall", "Cubic", "Factors", "FactorsInBall", "Linear", "Rows", "Signs", "Softmax", "Square",
    "Transform", "of_bounds", "of_norms",
]  # fmt: skip
