"""Softplus in few passes over memory."""

import keras
from keras import ops

from constrainit._precision import dtype_of

from ._limits import at_least, at_most
from ._rule import with_rule

# `atanh(z) / z` for `0 <= z <= 1 / 3` to 4.6e-9 of it, in powers of `z^2`: the least largest error
# of a polynomial that is 1 at zero.
_TERMS = (0.140119170432, 0.139996290703, 0.200108462837, 0.333332066162, 1.0)
# From here on softplus is the identity in every dtype: `exp(-40)` is 4e-18.
_STRAIGHT = 40.0


def softplus(v, temperature=1.0, side=1.0):
    """A smooth bound of zero from below: `t log(1 + exp(v / t))` for a temperature `t`.

    For a side of -1 it is `-t log(1 + exp(-v / t))`, a bound from above. Accurate relative to its
    own size, however small, as those of the backends are.
    """
    scale = side / temperature
    if keras.backend.backend() == "torch":
        from torch.nn import functional

        # One pass forward and one back.
        return functional.softplus(v, scale, _STRAIGHT)

    def image(v):
        beyond = at_least(v, 0.0) if scale > 0 else at_most(v, 0.0)
        small = ops.exp(ops.abs(v) * -abs(scale))
        by_terms = keras.backend.backend() == "jax" and dtype_of(v) == "float32"
        small = _log_of_one_plus(small) if by_terms else ops.log1p(small)
        return (beyond + small * (1 / scale),)

    def slope(step, v, w):
        return step * ops.sigmoid(v * scale)

    return with_rule(image, slope, v)


def _log_of_one_plus(x):
    """The logarithm of `1 + x` for `0 <= x <= 1` in float32.

    One pass where it is compiled. JAX takes three times as long for its own, made for all `x`.
    """
    z = x / (2.0 + x)
    square, sum_ = z * z, _TERMS[0]
    for term in _TERMS[1:]:
        sum_ = sum_ * square + term
    return 2.0 * z * sum_
