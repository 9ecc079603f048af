"""Weights whose name their layer's `call` has given to a tensor."""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from constrainit.doctor._code import code_of, of_self
from constrainit.doctor._evidence import WrittenOverEvidence
from constrainit.doctor._frames import Source
from constrainit.doctor._recording import is_custom
from constrainit.model import WeightRecord

_NOTES = re.compile(r"_(non_)?trainable_variables|_self_.*|_unconditional.*")
"""Where Keras and TensorFlow note all weights that a layer was ever given."""

_MAKERS = ("add_weight", "Variable")


def written_over(weights: Sequence[WeightRecord]) -> list[WrittenOverEvidence]:
    """The weights of the user's own layers that no attribute holds, as `call` has set it anew."""
    found = []
    layers = {id(r.layer): r.layer for r in weights if is_custom(r.layer)}
    for layer in layers.values():
        own = [value for name, value in vars(layer).items() if not _NOTES.fullmatch(name)]
        held = set(_held(own, set()))
        lost = [r for r in weights if r.layer is layer and id(r.variable) not in held]
        # Without a source the weight's own name tells.
        names: dict[str, Source | None] = {
            r.variable.name: None for r in lost if ops.is_tensor(vars(layer).get(r.variable.name))
        }
        names |= dict(_set_in_call(type(layer), {r.variable.name for r in lost})) if lost else {}
        names = {n: s for n, s in names.items() if not _is_variable(vars(layer).get(n))}
        for name, source in names.items():
            named = [r for r in lost if r.variable.name == name]
            if named or (len(lost) == len(names) == 1):
                record = (named or lost)[0]
                found.append(WrittenOverEvidence(record, name, source))
    return found


def _held(value: Any, seen: set[int]) -> Iterator[int]:
    """The variables in containers, by their identities; containers may hold themselves."""
    if _is_variable(value):
        yield id(value)
    elif isinstance(value, (list, tuple, set, dict)) and id(value) not in seen:
        seen.add(id(value))
        for one in value.values() if isinstance(value, dict) else value:
            yield from _held(one, seen)


def _is_variable(value: Any) -> bool:
    return isinstance(value, keras.Variable)


def _set_in_call(kind: type, known: set[str]) -> Iterator[tuple[str, Source]]:
    """The attributes of weights that `call` of a class sets, and where.

    Another one, such as a count of the calls, may be of a layer that keeps its weights elsewhere.
    """
    known = {*known, *_made_by(kind)}
    code = code_of(vars(kind).get("call", kind.call))
    if code is None:
        return
    for node in code.nodes:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AugAssign) else targets
        for name in map(of_self, targets):
            if name in known:
                yield name, code.line_at(node, "call")


def _made_by(kind: type) -> Iterator[str]:
    """The attributes that a class, or one that it is made of, sets to a new weight."""
    for one in kind.__mro__:
        code = None if one.__module__.split(".")[0] in ("keras", "builtins") else code_of(one)
        for node in code.nodes if code else ():
            if isinstance(node, ast.Assign) and _makes_one(node.value):
                yield from filter(None, map(of_self, node.targets))


def _makes_one(expression):
    """Whether an expression calls for a new weight."""
    calls = [part for part in ast.walk(expression) if isinstance(part, ast.Call)]
    return any(ast.unparse(call.func).rpartition(".")[2] in _MAKERS for call in calls)
