"""Smooth maps onto sets: what stands behind `set.transform`."""

from constrainit.transforms._transform import Transform
from constrainit.transforms.bent_orders import BentOrder
from constrainit.transforms.bounds import maps_of_bounds
from constrainit.transforms.capped import Capped
from constrainit.transforms.chained import BoundedOrder, Chained, ChainedTies, Floored
from constrainit.transforms.cholesky import Caps, LiftedDiagonal
from constrainit.transforms.combine import Joined, UnderMask
from constrainit.transforms.definite import Damped, Rows, Square, Tall
from constrainit.transforms.entries import Entrywise
from constrainit.transforms.factors import Factors, FactorsInBall
from constrainit.transforms.grids import StraightThrough
from constrainit.transforms.halfspace import Slack
from constrainit.transforms.linear import Identity, Linear
from constrainit.transforms.lipschitz import ConvBall, Cubic
from constrainit.transforms.norms import Diamond, DiamondOfNorms, Normalized, of_norms
from constrainit.transforms.orders import Bends, Flanks, Increments
from constrainit.transforms.orthogonal import Polar, Waves
from constrainit.transforms.polyhedron import Inward
from constrainit.transforms.shares import Sinkhorn, Softmax
from constrainit.transforms.signs import Signs

__all__ = [
    "Bends", "BentOrder", "BoundedOrder", "Capped", "Caps", "Chained", "ChainedTies", "ConvBall",
    "Cubic", "Damped", "Diamond", "DiamondOfNorms", "Entrywise", "Factors", "FactorsInBall",
    "Flanks", "Floored", "Identity", "Increments", "Inward", "Joined", "LiftedDiagonal", "Linear",
    "Normalized", "Polar", "Rows", "Signs", "Sinkhorn", "Slack", "Softmax", "Square",
    "StraightThrough", "Tall", "Transform", "UnderMask", "Waves", "maps_of_bounds", "of_norms",
]  # fmt: skip
