"""Products of matrices without a tensor that is not needed."""

import keras

from ._rule import may_write_over


def plus_product(x, left, right, over=False):
    """`x + left @ right`, of matrices; `over`: in the place of `x` where that may be written over.

    PyTorch makes no tensor for the product.
    """
    if keras.backend.backend() != "torch" or len(x.shape) != 2:
        return x + left @ right
    if over and may_write_over(x):
        return x.addmm_(left, right)
    return x.addmm(left, right)
