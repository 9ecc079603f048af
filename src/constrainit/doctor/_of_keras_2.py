"""Functions that Keras 2 had in `keras.backend`, for constraints that still ask for them."""

import ast
import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from constrainit.doctor._code import function_of
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._misfits import functions_of
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


def names_of(made: Any, names: set[str]) -> set[str]:
    """Which of these functions a constraint asks for: by its code, all where that does not tell."""
    trees = [function_of(function) for function in functions_of(made.record.constraint)]
    nodes = [node for tree in trees if tree is not None for node in ast.walk(tree)]
    own = {one.attr for one in nodes if isinstance(one, ast.Attribute)} & names
    own |= {one.id for one in nodes if isinstance(one, ast.Name)} & names
    missed = missing_backend_name(made.fault) if made.fault is not None else ""
    return own if missed in own else names


def in_place(names: set[str]) -> str:
    """Functions of `keras.ops`, as they are written."""
    return ", ".join(f"keras.ops.{name}" for name in sorted(names))
