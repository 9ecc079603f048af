"""The weights that the sets are measured with."""

import keras
import numpy as np
from keras import ops

STEP = 1e-3


def tensor(w, dtype="float32"):
    """A tensor of `dtype` from a NumPy array."""
    return ops.cast(ops.convert_to_tensor(np.asarray(w, "float32")), dtype)


def array(x):
    """NumPy float64 from a tensor."""
    return np.asarray(ops.convert_to_numpy(ops.cast(x, "float32")), "float64")


def glorot(shape, seed=0):
    """A Glorot draw."""
    w = keras.initializers.GlorotNormal(seed=seed)(shape)
    return array(w)


def inputs(a_set, shape):
    """Tensors by name: one step off the set, a Glorot draw, and hard ones.

    One step is one of Adam at its usual rate: every weight of a member moves by 0.001.
    """
    w = glorot(shape)
    rng = np.random.default_rng(0)
    member = array(a_set.project(tensor(w)))
    one_rank = np.outer(*(rng.normal(size=n) for n in (shape[0], shape[1]))) / np.sqrt(shape[0])
    huge = w.copy()
    huge[shape[0] // 2, shape[1] // 2] = 1e8
    found = {
        "one step": member + STEP * rng.choice([-1.0, 1.0], shape),
        "Glorot": w,
        "shift 1e4": w + 1e4,
        "scale 1e-6": w * 1e-6,
        "scale 1e6": w * 1e6,
        "ties": np.round(w * 32) / 32,
        "zeros": np.zeros(shape),
        "one huge entry": huge,
        "rank one": one_rank,
    }
    tensors = {name: tensor(w) for name, w in found.items()}
    return {**tensors, "bfloat16": tensor(w, "bfloat16")}
