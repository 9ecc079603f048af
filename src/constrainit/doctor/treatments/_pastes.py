"""Weights and sets as they are written in code to paste."""

import keras
from keras.src.utils.naming import to_snake_case

from constrainit.doctor._problem import Problem
from constrainit.model import WeightRecord, walk

_BY_PLACE = "  # by place: unless you gave it, Keras makes up another name next time"


def given(problem: Problem, sets: dict[str, str], function: str = "ci.constrain") -> str:
    """The call that gives weights their sets.

    Args:
        problem: What is looked at.
        sets: The sets as they are written, by the paths of the weights.
        function: What takes a model, and sets by patterns.
    """
    keys = [_key(problem, path) for path in sets]
    items = [f"{key}: {a_set}" for (key, _), a_set in zip(keys, sets.values(), strict=True)]
    why = _BY_PLACE if any(made_up for _, made_up in keys) else ""
    if len(items) == 1:
        return f"{function}(model, {{{items[0]}}}){why}"
    lines = "".join(f"    {item},\n" for item in items)
    return f"{function}(model, {{\n{lines}}}){why}"


def given_and_projected(problem: Problem, sets: dict[str, str]) -> str:
    """As `given`, and the call that moves the weights inside."""
    return f"{given(problem, sets)}\nci.project(model)"


def told(problem: Problem, sets: dict[str, str], between: str = "; ") -> str:
    """The same in a sentence."""
    return between.join(f"{place(problem, path)!r}: {a_set}" for path, a_set in sets.items())


def _key(problem, path):
    """A weight as an expression, by its path; by its place, and that it is, where that may change.

    A layer without a name of its own gets another one when the model is made once more.
    """
    record = next(r for r in walk(problem.model) if r.path == path)
    found, made_up = _held(problem, record)
    if found and made_up:
        return f"{found}.path", True
    return repr(place(problem, path)), False


def holder(problem: Problem, record: WeightRecord) -> str:
    """The layer that holds a weight as an expression."""
    found, _ = _held(problem, record)
    if found:
        return found.rpartition(".")[0]
    name = record.layer.name
    return f"next(layer for layer in model._flatten_layers() if layer.name == {name!r})"


def _held(problem, record):
    """A weight of one of the model's layers as an expression, and whether its name may change."""
    holder, name = record.layer, record.variable.name
    for index, layer in enumerate(problem.model.layers):
        made_up = may_be_made_up(layer)
        found = f"model.layers[{index}]" if made_up else f"model.get_layer({layer.name!r})"
        is_cell = getattr(layer, "cell", None) is holder
        if (layer is holder or is_cell) and getattr(holder, name, None) is record.variable:
            return f"{found}.{'cell.' if is_cell else ''}{name}", made_up
    return "", False


def assigned(problem: Problem, starts: list[tuple[WeightRecord, str]]) -> str:
    """The loop that gives weights of the model values of initializers, as these are written."""
    lines = "".join(f"    ({variable(problem, record)}, {start}),\n" for record, start in starts)
    return (
        f"for weight, start in [\n{lines}]:\n    weight.assign(start(weight.shape, weight.dtype))"
    )


def variable(problem: Problem, record: WeightRecord) -> str:
    """A weight of the model as an expression."""
    found, _ = _held(problem, record)
    end = place(problem, record.path)
    return found or f"next(v for v in model.variables if v.path.endswith({end!r}))"


def may_be_made_up(layer: keras.Layer) -> bool:
    """Whether a layer has a name as Keras gives to one without: a person may write the same."""
    kind = to_snake_case(type(layer).__name__)
    first, _, number = layer.name.rpartition("_")
    return layer.name == kind or (first == kind and number.isdecimal())


def place(problem: Problem, path: str) -> str:
    """A path without the model's own name, which another session or file gives it another of."""
    short = path.removeprefix(f"{problem.model.name}/")
    alike = [r for r in walk(problem.model) if f"/{r.path}".endswith(f"/{short}")]
    return short if len(alike) == 1 else path
