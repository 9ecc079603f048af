"""Sets of singular values: their largest, their sum, their number."""

import math
from dataclasses import replace

from keras import ops

from constrainit import _checks
from constrainit._set import ConstraintSet
from constrainit.initializers import laws, laws_of_matrices
from constrainit.numerics import (
    at_least,
    at_most,
    convolution_bound,
    convolution_slack,
    project_simplex,
    spectral_bound,
    with_singular_values,
)
from constrainit.sets._matrices import _Folded
from constrainit.transforms import ConvBall, Cubic, Factors, FactorsInBall


class SpectralNorm(_Folded):
    """No singular value of the matrix is above the bound: the layer is `bound`-Lipschitz.

    The set is `{W : sigma_max(W) <= bound}`, with the axes that feed one unit as rows and the
    others as columns; convex. The projection cuts the singular values at the bound, one singular
    value decomposition, to the rounding of the dtype. It is left out where an upper bound by Gram
    iteration, products of matrices only, says that the weight is inside. For the kernel of a
    convolution this is the norm of the kernel as a matrix, not that of the convolution: see
    `ConvSpectralNorm`.

    The initializer draws orthonormal columns (rows where wide) times the bound, or less where that
    keeps the signal: no other member of the set passes on more.

    Args:
        bound: The largest allowed singular value.
        axis: The axes that make up the rows. None: those that feed one unit of the layer; for a
            bare array all axes but the last.

    Raises:
        ValueError: `bound` is not positive and finite, or `axis` is no list of integers.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> nearest = ci.SpectralNorm(1.0).project([[3.0, 0.0], [0.0, 0.5]])
    >>> print(np.asarray(nearest).round(4) + 0.0)
    [[1.  0. ]
     [0.  0.5]]

    Source: B. Delattre, Q. Barthelemy, A. Araujo, A. Allauzen, "Efficient bound of Lipschitz
    constant for convolutional layers by Gram iteration", 2023.
    """

    _for_vectors = "For a vector use MaxNorm(bound)."

    def __init__(self, bound: float = 1.0, axis: int | list[int] | None = None):
        self.bound = _checks.positive("SpectralNorm", "bound", bound)
        self.axis = _checks.axes("SpectralNorm", axis)

    def _nearest_matrix(self, w):
        certified = ops.reshape(spectral_bound(w), ()) <= self.bound
        return ops.cond(
            certified,
            lambda: w,
            lambda: with_singular_values(w, lambda values: at_most(values, self.bound)),
        )

    def _transform(self):
        return Cubic(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.isometry(fan_in, fan_out, fan_in, self.bound, wanted)

    def _phrase(self):
        return f"singular values at most {self.bound:g}"


class ConvSpectralNorm(ConstraintSet):
    """The convolution with this kernel is `bound`-Lipschitz, for inputs of every size.

    The set is `{K : norm(K) <= bound}` for kernels `(*window, inputs, outputs)`, with an upper
    bound of the norm of the convolution as an operator in the place of the norm itself: for a
    window of two axes at most 5 % above it with 4 channels, 15 % with 512. It holds for padding
    "valid", "same", "causal" and circular, for any strides and dilation, for transposed and
    depthwise convolutions and for groups: each is at most the convolution of an unbounded input.

    The projection scales the kernel down to the bound. That is a member, but not the nearest point,
    which has no closed form: `violation` is the distance to the scaled kernel, and `Intersection`
    does not take this set. It costs six products of matrices of twice the channels, at each of 18
    frequencies for every place of the window.

    The initializer draws orthonormal columns (rows where wide) at the centre of the window, and
    zeros elsewhere, times the bound, or less where that keeps the signal.

    Args:
        bound: The largest allowed norm of the convolution.

    Raises:
        ValueError: `bound` is not positive and finite.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> kernel = np.ones((3, 3, 1, 1), "float32")  # as an operator of norm 9
    >>> nearest = np.asarray(ci.ConvSpectralNorm(1.0).project(kernel))
    >>> print(bool(0.9 < nearest.sum() <= 1.0))
    True

    Source: L. Xiao and others, "Dynamical isometry and a mean field theory of CNNs", 2018;
    H. Sedghi, V. Gupta, P. Long, "The singular values of convolutional layers", 2019.
    """

    convex = False
    maskable = False
    projects = "a member, not the nearest"

    def __init__(self, bound: float = 1.0):
        self.bound = _checks.positive("ConvSpectralNorm", "bound", bound)

    def check_shape(self, shape):
        if len(shape) < 3:
            raise ValueError(
                "`ConvSpectralNorm` needs a kernel (*window, inputs, outputs). Received: "
                f"shape={tuple(shape)}. For a matrix use SpectralNorm(bound). In `plan`, too: a "
                "kernel of this set starts as such a matrix (inputs, outputs) at the centre of its "
                "window."
            )

    def _units(self, rank):
        return tuple(range(rank))

    def _nearest(self, w, dtype, where=None):
        norm = ops.reshape(convolution_bound(w), ())
        return w * ops.where(norm > self.bound, self.bound / norm, ops.ones_like(norm))

    def _transform(self):
        return ConvBall(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.isometry(fan_in, fan_out, fan_in, self.bound, wanted)

    def _law_of(self, shape, axes, wanted, where=None):
        bound = self.bound / convolution_slack(tuple(shape))
        *window, inputs, outputs = shape
        law = laws_of_matrices.isometry(inputs, outputs, inputs, bound, wanted)
        text = f"{law.text}, at the centre of the window"
        return replace(law, text=text, fan_in=math.prod(window) * inputs)

    def _draw(self, shape, dtype, seed, wanted=None, axes=None, where=None):
        *window, inputs, outputs = shape
        wanted = wanted or laws.Wanted(math.sqrt(2.0 * inputs / (inputs + outputs)))
        matrix = self._law_of(shape, axes, wanted).draw(inputs, outputs, dtype, seed)
        sides = [((n - 1) // 2, n // 2) for n in window]
        centre = ops.reshape(matrix, (*[1] * len(window), inputs, outputs))
        return ops.pad(centre, (*sides, (0, 0), (0, 0)))

    def _fed(self, rank):
        return tuple(range(rank - 1))

    def _phrase(self):
        return f"norm of the convolution at most {self.bound:g}"


class NuclearNorm(_Folded):
    """The singular values of the matrix sum to at most the radius: few of them are not zero.

    The set is `{W : sum_i sigma_i(W) <= radius}`, with the axes that feed one unit as rows and the
    others as columns; convex. The projection takes one number off all singular values, down to
    zero at most: the projection of their vector onto the simplex; one singular value decomposition.

    The initializer draws matrices with equal singular values in uniform directions, of as many
    ranks as the radius allows at the norm of a Glorot draw.

    Args:
        radius: The largest allowed sum of the singular values.
        axis: The axes that make up the rows. None: those that feed one unit of the layer; for a
            bare array all axes but the last.

    Raises:
        ValueError: `radius` is not positive and finite, or `axis` is no list of integers.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> nearest = ci.NuclearNorm(2.0).project([[3.0, 0.0], [0.0, 2.0]])
    >>> print(np.asarray(nearest).round(4) + 0.0)
    [[1.5 0. ]
     [0.  0.5]]

    Source: J. Cai, E. Candes, Z. Shen, "A singular value thresholding algorithm for matrix
    completion", 2010.
    """

    _for_vectors = "For a vector use MaxNorm(radius)."

    def __init__(self, radius: float, axis: int | list[int] | None = None):
        self.radius = _checks.positive("NuclearNorm", "radius", radius)
        self.axis = _checks.axes("NuclearNorm", axis)

    def _nearest_matrix(self, w):
        return with_singular_values(w, self._cut)

    def _cut(self, values):
        values = at_least(values, 0.0)
        inside = ops.sum(values) <= self.radius
        return ops.where(inside, values, project_simplex(values, self.radius, (0,)))

    def _transform(self):
        return FactorsInBall(self)

    def _law(self, fan_in, fan_out, wanted):
        most = min(fan_in, fan_out)
        rank = max(int(min(self.radius**2 / (wanted.gain**2 * fan_out), most)), 1)
        return laws_of_matrices.isometry(fan_in, fan_out, rank, self.radius / rank, wanted)

    def _phrase(self):
        return f"sum of singular values at most {self.radius:g}"


class LowRank(_Folded):
    """The rank of the matrix is at most a given one.

    The set is `{W : rank(W) <= rank}`, with the axes that feed one unit as rows and the others as
    columns; not convex. The projection keeps the largest singular values, one singular value
    decomposition; exact up to the rounding of the storage, which leaves the others at that size.
    Of equal singular values at the edge some are kept: each choice is equally near.

    The initializer draws matrices of this rank with equal singular values in uniform directions
    and the norm of a Glorot draw.

    Args:
        rank: The largest allowed rank.
        axis: The axes that make up the rows. None: those that feed one unit of the layer; for a
            bare array all axes but the last.

    Raises:
        ValueError: `rank` is no positive integer, or `axis` is no list of integers.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> nearest = ci.LowRank(1).project([[3.0, 0.0], [0.0, 2.0]])
    >>> print(np.asarray(nearest).round(4) + 0.0)
    [[3. 0.]
     [0. 0.]]

    Source: C. Eckart, G. Young, "The approximation of one matrix by another of lower rank", 1936.
    """

    convex = False
    _for_vectors = "A vector has rank 1."

    def __init__(self, rank: int, axis: int | list[int] | None = None):
        self.rank = _checks.count("LowRank", "rank", rank)
        self.axis = _checks.axes("LowRank", axis)

    def _nearest_matrix(self, w):
        if self.rank >= min(w.shape):
            return w
        return with_singular_values(w, self._first)

    def _first(self, values):
        kept = ops.arange(values.shape[0]) < self.rank
        return ops.where(kept, values, ops.zeros_like(values))

    def _transform(self):
        return Factors(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.isometry(fan_in, fan_out, self.rank, math.inf, wanted)

    def _phrase(self):
        return f"rank at most {self.rank}"
