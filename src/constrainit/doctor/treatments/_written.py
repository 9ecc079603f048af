"""Layers, optimizers and what they are made with as they are written, with all arguments."""

import inspect
import math
from typing import Any

import keras
import numpy as np

from constrainit import layers, sets
from constrainit._set import ConstraintSet
from constrainit.doctor._own_optimizer import inner_of
from constrainit.doctor._set_code import written as written_set
from constrainit.doctor.treatments._pastes import may_be_made_up

_MODULES = (
    "layers", "optimizers", "optimizers.schedules", "losses", "metrics", "initializers",
    "constraints", "regularizers", "activations",
)  # fmt: skip

_UNSAID = ("trainable", "dtype", "name")
"""Arguments of every layer that are told only where they are not as usual."""

_GETTERS = (keras.initializers, keras.constraints, keras.regularizers, keras.activations)


class Written(str):
    """Code, which is shown as it is."""

    __slots__ = ()


class UnwritableError(ValueError):
    """What has no form in code: a lambda, an array, what has no config."""


def layer_code(layer: keras.Layer, otherwise: str, told: Any = (), **changed: Any) -> str:
    """The line that makes a layer, with the name of the one whose place it takes.

    Args:
        layer: As it is now.
        otherwise: What is written where its arguments can not be.
        told: Arguments that are written also where they are what they would be anyway.
        changed: Arguments in place of its own, which are told.
    """
    try:
        return f"{made_with(layer, (*told, *changed), **changed)}  # in place of {layer.name!r}"
    except UnwritableError:
        return otherwise


def layers_code(model: keras.Model, names: Any, otherwise: str) -> str:
    """The lines of the layers of a model that have these names, as `layer_code` gives them."""
    names = set(names)
    found = [one for one in model._flatten_layers() if one.name in names]
    return "\n".join(dict.fromkeys(layer_code(one, otherwise) for one in found)) or otherwise


def shown(value: Any) -> str:
    """A value as it is written.

    Raises:
        UnwritableError: It has no form in code.
    """
    if isinstance(value, Written):
        return str(value)
    if isinstance(value, str):
        plain = "'" not in value and '"' not in value
        return f'"{repr(value)[1:-1]}"' if plain else repr(value)
    if value is None or isinstance(value, (bool, int)):
        return repr(value)
    if isinstance(value, (float, np.floating)):
        return _number(float(value))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{shown(key)}: {shown(one)}" for key, one in value.items()) + "}"
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))}{',' * (len(value) == 1)})"
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, ConstraintSet) and hasattr(sets, type(value).__name__):
        return written_set(value)
    if isinstance(value, keras.optimizers.Optimizer):
        value = inner_of(value)
    return made_with(value) if hasattr(value, "get_config") else _function(value)


def _number(value):
    """A number, without the digits that float32 has added to it."""
    if not math.isfinite(value):
        return f"float({str(value)!r})"
    short = float(f"{value:.7g}")
    return repr(short if math.isclose(short, value, rel_tol=1e-6) else value)


def _function(value):
    name = getattr(value, "__name__", "")
    if any(getattr(module, name, None) is value for module in (keras.activations, keras.losses)):
        return shown(name)
    if not name.isidentifier() or "<locals>" in getattr(value, "__qualname__", ""):
        raise UnwritableError(repr(value))
    return name


def made_with(one: Any, told: tuple[str, ...] = (), **changed: Any) -> str:
    """The call that makes an object from its config, with some arguments in place of its own.

    Raises:
        UnwritableError: It has none, or one that has no form in code.
    """
    if not callable(getattr(type(one), "from_config", None)):
        raise UnwritableError(repr(one))
    try:
        config = one.get_config()
    # What a class of the user's own raises there.
    except Exception as reason:
        raise UnwritableError(str(reason)) from reason
    given = _arguments(one, {k: _plain(v) for k, v in {**config, **changed}.items()}, told)
    return f"{_name(type(one))}({given})"


def _name(kind):
    for module in _MODULES:
        place: Any = keras
        for part in module.split("."):
            place = getattr(place, part)
        # An optimizer is of a class of its backend, with the same name.
        if getattr(place, kind.__name__, None) in kind.__mro__:
            return f"keras.{module}.{kind.__name__}"
    import constrainit

    for name, module in (("ci", constrainit), ("ci.initializers", constrainit.initializers)):
        if getattr(module, kind.__name__, None) is kind:
            return f"{name}.{kind.__name__}"
    if "<locals>" in kind.__qualname__ or kind.__module__.startswith(("keras.", "constrainit.")):
        raise UnwritableError(kind.__name__)
    return kind.__name__


def _arguments(one, config, told):
    """The arguments that are not what they would be anyway; those without a default by place."""
    known = inspect.signature(type(one).__init__).parameters
    is_open = any(p.kind is p.VAR_KEYWORD for p in known.values())
    places, words = [], []
    is_layer = isinstance(one, keras.Layer)
    # Of a bound or a penalty the reader looks for the number.
    is_told = isinstance(one, (keras.constraints.Constraint, keras.regularizers.Regularizer))
    is_optimizer = isinstance(one, keras.optimizers.Optimizer)
    config = {**config, **getattr(one, "_fn_kwargs", {})}
    for name, parameter in known.items():
        if name not in config or (is_layer and name in _UNSAID):
            continue
        if (is_optimizer and name == "name") or (name, config[name]) == (
            "dtype",
            keras.config.floatx(),
        ):
            continue
        value, usual = config[name], parameter.default
        if usual is parameter.empty:
            by_place = len(places) == len(words) == 0 or not words
            places.append(shown(value)) if by_place else words.append(f"{name}={shown(value)}")
        elif is_told or name in (*told, "learning_rate") or not _is_same(value, usual):
            words.append(f"{name}={shown(value)}")
    if is_layer:
        words += _of_a_layer(one)
    elif is_open:
        # What the base class of losses, metrics and optimizers takes.
        base = {**_keyword_defaults(type(one))}
        names = [n for n in config if n in base and n not in known and n not in _UNSAID]
        words += [f"{n}={shown(config[n])}" for n in names if not _is_same(config[n], base[n])]
    return ", ".join([*places, *words])


def _keyword_defaults(kind):
    found: dict[str, Any] = {}
    for base in kind.__mro__[1:]:
        own = inspect.signature(base.__init__).parameters if base is not object else {}
        found |= {
            n: p.default for n, p in own.items() if p.default is not p.empty and n not in found
        }
    return found


def _of_a_layer(layer):
    words = []
    if layer.dtype_policy.name != keras.config.dtype_policy().name:
        words.append(f"dtype={shown(layer.dtype_policy.name)}")
    if not layer.trainable and not isinstance(layer, layers.OutputScale):
        words.append("trainable=False")
    if not isinstance(layer, layers.OutputScale) and not may_be_made_up(layer):
        words.append(f"name={shown(layer.name)}")
    return words


def _plain(value):
    """A value of a config: the object of one that is serialized."""
    if isinstance(value, dict) and {"class_name", "config"} <= set(value):
        if value["class_name"] == "__tuple__":
            return tuple(map(_plain, value["config"]))
        try:
            return keras.saving.deserialize_keras_object(value)
        # A class that is not registered, or whatever one of the user's own raises.
        except Exception as reason:
            raise UnwritableError(str(reason)) from reason
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return value


def _is_same(value, usual):
    """Whether an argument is what it would be if it were not given."""
    if value is usual or (type(value) is type(usual) and value == usual):
        return True
    if isinstance(value, float) and isinstance(usual, (int, float)):
        return math.isclose(value, usual, rel_tol=1e-6)
    if isinstance(value, list) and isinstance(usual, tuple):
        return tuple(value) == usual
    if isinstance(value, (list, tuple)) and isinstance(usual, int):
        # A layer keeps its strides by axis.
        return bool(value) and all(one == usual for one in value)
    if usual is None:
        return value in ("linear", keras.config.image_data_format())
    for module in _GETTERS if isinstance(usual, str) else ():
        try:
            other: Any = module.get(usual)
        except (ValueError, TypeError):
            continue
        if type(other) is type(value) and _config(other) == _config(value):
            return True
    return False


def _config(one):
    return one.get_config() if hasattr(one, "get_config") else one
