"""Remedies for normalizations that have not seen the data."""

import numpy as np
from keras import ops

from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._remedy import Changed, with_other


def to_the_batch(problem, evidence, found):
    """The mean and the variance of what the batch gives each of them."""
    if not evidence.scales:
        return None
    names = []
    for one in evidence.scales:
        layer, given = one.layer, one.given
        shape = tuple(layer.mean.shape)
        axes = tuple(
            at for at in range(given.ndim)
            if at < given.ndim - len(shape) or shape[at - given.ndim + len(shape)] == 1
        )  # fmt: skip
        mean, variance = (f(given, axis=axes).reshape(shape) for f in (np.mean, np.var))
        # Where it has seen data that varies, it keeps what it has.
        kept = to_numpy(layer.variance) > 0 if one.flat else np.zeros(shape, bool)
        mean = np.where(kept, to_numpy(layer.mean), mean)
        variance = np.where(kept, to_numpy(layer.variance), variance)
        if layer.input_mean is None:
            layer.adapt_mean.assign(mean.reshape(layer.adapt_mean.shape))
            layer.adapt_variance.assign(variance.reshape(layer.adapt_variance.shape))
            layer.finalize_state()
        else:
            layer.mean = ops.cast(mean, layer.compute_dtype)
            layer.variance = ops.cast(variance, layer.compute_dtype)
        names.append(layer.name)
    code = "\n".join(f"model.get_layer({name!r}).adapt(x)" for name in names)
    return Changed(f"{', '.join(map(repr, names))} adapted to the batch", with_other(problem), code)
