"""Weights whose name their layer's `call` has given to a tensor."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from constrainit.doctor._evidence import WrittenOverEvidence
from constrainit.doctor._frames import Source
from constrainit.doctor._recording import is_custom
from constrainit.model import WeightRecord

_NOTES = re.compile(r"_(non_)?trainable_variables|_self_.*|_unconditional.*")
"""Where Keras and TensorFlow note all weights that a layer was ever given."""


def written_over(weights: Sequence[WeightRecord]) -> list[WrittenOverEvidence]:
    """The weights of the user's own layers that no attribute holds, as `call` has set it anew."""
    found = []
    layers = {id(r.layer): r.layer for r in weights if is_custom(r.layer)}
    for layer in layers.values():
        own = [value for name, value in vars(layer).items() if not _NOTES.fullmatch(name)]
        held = {id(value) for value in _inside(own) if _is_variable(value)}
        lost = [r for r in weights if r.layer is layer and id(r.variable) not in held]
        # Without a source the weight's own name tells.
        names: dict[str, Source | None] = {
            r.variable.name: None for r in lost if ops.is_tensor(vars(layer).get(r.variable.name))
        }
        names |= dict(_set_in_call(type(layer))) if lost else {}
        names = {n: s for n, s in names.items() if not _is_variable(vars(layer).get(n))}
        for name, source in names.items():
            named = [r for r in lost if r.variable.name == name]
            if named or (len(lost) == len(names) == 1):
                record = (named or lost)[0]
                found.append(WrittenOverEvidence(record, name, source))
    return found


def _inside(value: Any) -> Iterator[Any]:
    """What lists, tuples and dictionaries hold, whose keys may be anything."""
    if isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _inside(part)
    else:
        yield value


def _is_variable(value: Any) -> bool:
    return isinstance(value, keras.Variable)


def _set_in_call(kind: type) -> Iterator[tuple[str, Source]]:
    """The attributes that `call` of a class sets, and where."""
    function: Any = vars(kind).get("call", kind.call)
    try:
        lines, first = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function) or ""
        parsed = ast.parse(textwrap.dedent("".join(lines)))
    # What is made in a session has no source.
    except (OSError, TypeError, SyntaxError):
        return
    nodes: list[Any] = list(ast.walk(parsed))
    for node in nodes:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AugAssign) else targets
        for target in targets:
            if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                text = lines[node.lineno - 1].strip()
                yield target.attr, Source(file, first + node.lineno - 1, "call", text)
