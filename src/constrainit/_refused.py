"""Constraints of a user's own that no compiled step can run: of NumPy, or that branch in Python."""

import copy
import re
from typing import Any

import keras

from constrainit.sets.custom import own_name

_ASKS_FOR_NUMBERS = (
    "TracerArrayConversionError", "ConcretizationTypeError", "OperatorNotAllowedInGraphError",
)  # fmt: skip
"""The errors of JAX and TensorFlow where code wants the numbers of a tensor that has none yet."""

_OF_NUMPY = re.compile(r"\b(?:np|numpy)(?:\.\w+)*\.(\w+)\(")


def refusal(raised: BaseException, constraint: Any, path: str = "") -> str:
    """What is said where a constraint asks for numbers in a compiled step; empty of other errors.

    Args:
        raised: What the constraint has raised.
        constraint: The constraint.
        path: The path of its weight, if it is known.
    """
    if not _asks_for_numbers(raised):
        return ""
    # Here, as little else of this library needs the doctor.
    from constrainit.doctor._frames import fault

    sources = fault(raised).sources
    of = f" of {path!r}" if path else ""
    at = f" (at {sources[-1]})" if sources else ""
    return (
        f"The constraint {own_name(constraint)}{of} can not run in a compiled step, in which "
        f"tensors have no numbers yet{at}: {type(raised).__name__}. "
        f"{_instead(sources[-1].text if sources else '')} Or, slowly, let the steps run as they "
        "are written: model.compile(..., run_eagerly=True)."
    )


def _asks_for_numbers(raised):
    kinds = {kind.__name__ for kind in type(raised).__mro__}
    of_numpy = isinstance(raised, (NotImplementedError, AttributeError)) and "numpy" in str(raised)
    # TensorFlow has no error of its own for `float(w)`.
    read = isinstance(raised, TypeError) and "SymbolicTensor" in str(raised)
    return of_numpy or read or not kinds.isdisjoint(_ASKS_FOR_NUMBERS)


def _instead(line):
    found = [one for one in _OF_NUMPY.finditer(line) if hasattr(keras.ops, one[1])]
    if found:
        pairs = dict.fromkeys(f"keras.ops.{one[1]} in place of {one[0][:-1]}" for one in found)
        return f"Write {', and '.join(pairs)}."
    return "Write it with keras.ops in place of NumPy, float() and of Python's `if`."


def check_compiled(model: keras.Model, records: Any) -> None:
    """Traces constraints as the compiled step of a model is going to.

    Args:
        model: A compiled model.
        records: The records of its weights with a constraint.

    Raises:
        ValueError: One of them asks for numbers there.
    """
    if not _is_compiled(model):
        return
    for record in records:
        try:
            _trace(copy.deepcopy(record.constraint), record.variable)
        # Of other errors Keras speaks; and what can not be copied is not tried.
        except Exception as raised:
            said = refusal(raised, record.constraint, record.path)
            if said:
                raise ValueError(said) from None


def _is_compiled(model):
    """Whether the steps of `fit` are made of tensors without numbers."""
    if getattr(model, "run_eagerly", True):
        return False
    backend = keras.backend.backend()
    return backend == "tensorflow" or (backend == "jax" and bool(model.jit_compile))


def _trace(constraint, variable):
    """A call without a number, which changes no variable."""

    def called(value):
        with keras.StatelessScope([(variable, value)]):
            return keras.ops.convert_to_tensor(constraint(variable))

    shape, dtype = tuple(variable.shape), keras.backend.standardize_dtype(variable.dtype)
    if keras.backend.backend() == "jax":
        import jax

        jax.eval_shape(called, jax.ShapeDtypeStruct(shape, dtype))
        return
    import tensorflow as tf

    tf.function(called, autograph=False).get_concrete_function(tf.TensorSpec(shape, dtype))
