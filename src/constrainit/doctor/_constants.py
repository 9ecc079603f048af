"""Constants of the user's own code that are not finite: what a loss or a layer computes with."""

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._code import as_kind
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import is_custom, own_function
from constrainit.doctor._statistics import to_numpy

_MOST = 3


@dataclass(frozen=True)
class ConstantEvidence:
    """A constant that is not finite.

    Attributes:
        name: Its name in the code that takes it: an attribute begins with `self.`.
        holder: The loss or the layer whose code that is.
        layer: The layer's name, or an empty string for a loss.
        value: What it is.
        entries: The same in float64.
    """

    name: str
    holder: Any
    layer: str
    value: Any
    entries: np.ndarray

    def __str__(self) -> str:
        bad = ~np.isfinite(self.entries)
        kind = "NaN" if np.isnan(self.entries).any() else "infinite"
        if not self.entries.ndim:
            return f"{self.name}, a constant of {self._where}, is {kind}"
        places = [tuple(map(int, place)) for place in np.argwhere(bad)[:_MOST]]
        shown = ", ".join(str(p[0] if len(p) == 1 else p) for p in places)
        more = ", ..." if bad.sum() > _MOST else ""
        return (
            f"{self.name}, a constant of {self._where}, is {kind} at {bad.sum()} of its {bad.size} "
            f"entries ({shown}{more})"
        )

    @property
    def _where(self):
        return repr(self.layer) if self.layer else "the loss"


def nonfinite_constants(problem: Problem, evidence: Evidence) -> list[ConstantEvidence]:
    """The constants that what is not finite comes from.

    Asked where it is so at the start, of the layer or the losses in which an operation failed on an
    operand that was not finite already, and is neither data nor a weight. What a NaN comes into is
    no operation's fault: where none is, all losses and layers are asked for a NaN.
    """
    if evidence.fault_step != 0 or any(made.nonfinite for made in evidence.data):
        return []
    operation = evidence.operation
    if operation is not None:
        given = [one for one in operation.operands if one.numbers.nonfinite]
        if not any(not one.weights and not one.data for one in given):
            return []
    found = []
    for holder, layer in _holders(problem):
        if operation is not None and operation.layer != layer:
            continue
        for name, value in _constants_of(holder):
            entries = _entries(value)
            if entries is None or np.isfinite(entries).all():
                continue
            if operation is not None or np.isnan(entries).any():
                found.append(ConstantEvidence(name, holder, layer, value, entries))
    return found


def _holders(problem):
    """The losses, and the layers of the user's own or with a function of that kind."""
    for loss in problem.losses():
        yield getattr(loss, "fn", loss), ""
    for layer in problem.model._flatten_layers():
        if is_custom(layer) or own_function(layer) is not None:
            yield layer, layer.name


def function_in(holder: Any) -> Any:
    """The function that a loss is, or that a loss or a layer runs."""
    if isinstance(holder, types.FunctionType):
        return holder
    own = own_function(holder) if isinstance(holder, keras.layers.Layer) else None
    if isinstance(own, types.FunctionType):
        return own
    found = getattr(type(holder), "call", None)
    return found if isinstance(found, types.FunctionType) else None


def _constants_of(holder) -> Iterator[tuple[str, Any]]:
    """What the code of a loss or layer takes from outside, by the names that it has there."""
    function = function_in(holder)
    if function is None:
        return
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        yield name, cell.cell_contents
    for name in code.co_names:
        if name in function.__globals__:
            yield name, function.__globals__[name]
        elif not isinstance(holder, types.FunctionType) and name in vars(holder):
            yield f"self.{name}", vars(holder)[name]


def _entries(value):
    """A constant in float64; None for what is none."""
    if isinstance(value, keras.Variable):
        return None
    if ops.is_tensor(value):
        dtype = keras.backend.standardize_dtype(value.dtype)
        return to_numpy(ops.stop_gradient(value)) if "float" in dtype else None
    numbers = isinstance(value, (float, list, tuple)) and not isinstance(value, bool)
    if not numbers and not isinstance(value, (np.ndarray, np.floating)):
        return None
    try:
        return np.asarray(value, "float64")
    except (TypeError, ValueError):
        return None


def with_zeros(made: ConstantEvidence) -> Any:
    """A loss whose constant is zero where it is not finite; of a layer, that one, changed."""
    entries = np.where(np.isfinite(made.entries), made.entries, 0.0)
    if ops.is_tensor(made.value):
        value: Any = ops.convert_to_tensor(entries, dtype=made.value.dtype)
    else:
        dtype = getattr(made.value, "dtype", None)
        value = entries.astype(dtype) if dtype is not None else entries.tolist()
    is_function = isinstance(made.holder, types.FunctionType)
    shared = bool(made.layer) or is_function
    holder = made.holder if shared else as_kind(made.holder, type(made.holder))
    if made.name.startswith("self."):
        vars(holder)[made.name.removeprefix("self.")] = value
        return holder
    function = function_in(made.holder)
    other = _with(function, made.name, value)
    if is_function:
        return other
    if made.layer and own_function(made.holder) is function:
        name = "function" if vars(holder).get("function") is function else "activation"
        vars(holder)[name] = other
    else:
        vars(holder)["call"] = types.MethodType(other, holder)
    return holder


def _with(function, name, value):
    """A function like another one, for which a name from outside is another value."""
    names = function.__code__.co_freevars
    cells = [
        types.CellType(value) if own == name else cell
        for own, cell in zip(names, function.__closure__ or (), strict=True)
    ]
    scope = function.__globals__ if name in names else {**function.__globals__, name: value}
    made = types.FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, tuple(cells)
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made
