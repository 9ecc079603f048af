"""Heavy algorithms as pure functions on tensors. They know nothing of sets or layers."""

from ._birkhoff import project_birkhoff as project_birkhoff
from ._birkhoff import project_transport as project_transport
from ._cayley import cayley as cayley
from ._cayley import is_far as is_far
from ._convex import convex_sequences as convex_sequences
from ._correlation import nearest_correlation as nearest_correlation
from ._diagonals import circulant as circulant
from ._diagonals import from_diagonals as from_diagonals
from ._diagonals import from_first_row as from_first_row
from ._diagonals import toeplitz as toeplitz
from ._dykstra import dykstra as dykstra
from ._exponential import exponential as exponential
from ._gram import convolution_bound as convolution_bound
from ._gram import convolution_slack as convolution_slack
from ._gram import spectral_bound as spectral_bound
from ._gram import spectral_slack as spectral_slack
from ._inverse import inverse_by_halves as inverse_by_halves
from ._isotonic import isotonic as isotonic
from ._knapsack import project_between as project_between
from ._largest import are_largest as are_largest
from ._largest import keep_largest as keep_largest
from ._largest import largest as largest
from ._limits import at_least as at_least
from ._limits import at_most as at_most
from ._limits import between as between
from ._limits import factor_into as factor_into
from ._logits import logits_of_sum as logits_of_sum
from ._mirror import computed_once as computed_once
from ._mirror import symmetric_part as symmetric_part
from ._norms import plain_norm as plain_norm
from ._norms import polar as polar
from ._norms import safe_norm as safe_norm
from ._norms_on_gpu import in_double as in_double
from ._norms_on_gpu import scale_in_double as scale_in_double
from ._polar import is_rotation as is_rotation
from ._polar import polar_factor as polar_factor
from ._polar import polished as polished
from ._polyhedron import inner_point as inner_point
from ._polyhedron import least_member as least_member
from ._polyhedron import project_polyhedron as project_polyhedron
from ._polyhedron import way_out as way_out
from ._products import plus_product as plus_product
from ._rule import may_write_over as may_write_over
from ._rule import with_rule as with_rule
from ._simplex import project_l1_ball as project_l1_ball
from ._simplex import project_simplex as project_simplex
from ._softplus import softplus as softplus
from ._spectral import replaced as replaced
from ._spectral import singular as singular
from ._spectral import with_eigenvalues as with_eigenvalues
from ._spectral import with_singular_values as with_singular_values
from ._sums import axis_sum as axis_sum
from ._tanh import sin as sin
from ._tanh import tanh as tanh
from ._unimodal import peaked as peaked
from ._unimodal import unimodal as unimodal

__all__ = [
    "are_largest", "at_least", "at_most", "axis_sum", "between", "cayley", "circulant",
    "computed_once", "convex_sequences", "convolution_bound", "convolution_slack", "dykstra",
    "exponential", "factor_into", "from_diagonals", "from_first_row", "in_double",
    "inner_point", "inverse_by_halves", "is_far", "is_rotation", "isotonic", "keep_largest",
    "largest", "least_member", "logits_of_sum", "may_write_over", "nearest_correlation",
    "peaked", "plain_norm", "plus_product", "polar", "polar_factor", "polished",
    "project_between", "project_birkhoff", "project_l1_ball", "project_polyhedron",
    "project_simplex", "project_transport", "replaced", "safe_norm", "scale_in_double", "sin",
    "singular", "softplus", "spectral_bound", "spectral_slack", "symmetric_part", "tanh",
    "toeplitz", "unimodal", "way_out", "with_eigenvalues", "with_rule", "with_singular_values",
]  # fmt: skip
