"""Functions that Keras 2 had in `keras.backend`, for constraints that still ask for them."""

import contextlib
from collections.abc import Iterator

import keras

from constrainit.doctor._evidence import Evidence
from constrainit.doctor.rules.cw201_constraint_raises import missing_backend_name


@contextlib.contextmanager
def keras_ops_for(names: set[str]) -> Iterator[None]:
    """`keras.backend` has the given functions of `keras.ops` for a while."""
    for name in names:
        setattr(keras.backend, name, getattr(keras.ops, name))
    try:
        yield
    finally:
        for name in names:
            delattr(keras.backend, name)


def missing_names(evidence: Evidence) -> set[str]:
    """The functions of Keras 2 that constraints asked `keras.backend` for."""
    faults = [made.fault for made in evidence.constraints if made.fault is not None]
    return {name for name in map(missing_backend_name, faults) if name}
