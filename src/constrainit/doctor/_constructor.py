"""What a class of the user's own keeps of its arguments, read from its source."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

_CASTS = ("bool", "float", "int", "str")
_PLAIN = (bool, int, float, str, type(None))
_ARRAYS = ("array", "asarray", "convert_to_tensor")


def kept_arguments(text: str, *, written: bool = False) -> dict[str, str]:
    """The arguments of the constructor of a class, and where it keeps them, such as `self.low`.

    An argument that is not kept is left out; of a class without a constructor all are.

    Args:
        text: The source of the class.
        written: Whether they are meant for a config, where an array is written as a list; else
            what is kept as an array counts as not kept.
    """
    functions = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef)]
    made = next((one for one in functions if one.name == "__init__"), None)
    if made is None:
        return {}
    names = [one.arg for one in (*made.args.posonlyargs, *made.args.args, *made.args.kwonlyargs)]
    found = {}
    for node in ast.walk(made):
        for target, value in _assigned(node):
            if not isinstance(target, ast.Attribute) or ast.unparse(target.value) != names[0]:
                continue
            place = f"self.{target.attr}"
            for name in names[1:]:
                if _is_kept(value, name):
                    found.setdefault(name, place)
                elif written and _is_an_array(value, name):
                    found.setdefault(name, f"keras.ops.convert_to_numpy({place}).tolist()")
    return {name: found[name] for name in names[1:] if name in found}


def _assigned(node: Any) -> Iterator[tuple[Any, Any]]:
    """Each target of an assignment with its value, also of `self.a, self.b = a, b`."""
    for target in node.targets if isinstance(node, ast.Assign) else ():
        parts: Any = [getattr(one, "elts", [one]) for one in (target, node.value)]
        yield from zip(*parts, strict=False)


def _is_an_array(value, name):
    """Whether an expression makes an argument an array, such as `np.asarray(signs, "float32")`."""
    if not isinstance(value, ast.Call) or not value.args or not _is_kept(value.args[0], name):
        return False
    return ast.unparse(value.func).split(".")[-1] in _ARRAYS


def _is_kept(value, name):
    """Whether an expression is an argument as it came, or as a plain number or text."""
    if isinstance(value, ast.Call) and len(value.args) == 1 and not value.keywords:
        value = value.args[0] if ast.unparse(value.func) in _CASTS else value
    return ast.unparse(value) == name


def is_registered(kind: Any) -> bool:
    """Whether Keras finds a class or function by its name in another process, too."""
    return keras.saving.get_registered_name(kind) != kind.__name__


def config_method(kind: type, names: list[str], before: str = "") -> str:
    """What to write in a class so that its config has these arguments.

    Args:
        kind: The class.
        names: The arguments.
        before: What the config of a new method holds besides.
    """
    try:
        source = textwrap.dedent(inspect.getsource(kind.__init__))
        kept = kept_arguments(source, written=True)
    # What is made in a session has no source.
    except (OSError, TypeError, SyntaxError):
        kept = {}
    if "get_config" in vars(kind):
        return f"add {returned(names, kept)} to what its get_config returns"
    value = returned(names, kept)
    value = f"{{{before}, {value[1:]}" if before else value
    return f"write in the class: def get_config(self): return {value}"


def returned(names: list[str], kept: Mapping[str, str]) -> str:
    """A dictionary of arguments as it is written."""
    parts = (f'"{name}": {kept.get(name, "...")}' for name in names)
    return f"{{{', '.join(parts)}}}"


def is_plain(value: Any) -> bool:
    """Whether a value is a number, a text or a flag, or a list of such."""
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    return isinstance(value, (*_PLAIN, np.number, np.bool_))


def is_same(one: Any, other: Any) -> bool:
    """Whether two plain values are, lists and tuples alike, and NaN is NaN."""
    return _listed(one) == _listed(other)


def _listed(value):
    if isinstance(value, (list, tuple)):
        return [_listed(one) for one in value]
    return value if value == value else "NaN"
