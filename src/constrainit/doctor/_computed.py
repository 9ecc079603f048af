"""Tensors that a layer has computed once, from weights that it then does not look at again."""

import ast
import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._code import code_of, of_self
from constrainit.doctor._evidence import ComputedEvidence
from constrainit.doctor._frames import Source
from constrainit.doctor._plain import custom_layers, differ, is_plain, outputs_of
from constrainit.doctor._state import attribute
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor._use import moved_weight
from constrainit.doctor.engines import engine

_DEPTH = 3
"""How far a method that calls a method is followed."""


def computed_once(
    problem: Any, weights: list[Any]
) -> tuple[list[ComputedEvidence], list[ComputedEvidence]]:
    """The tensors of the user's own layers that outputs depend on in place of a weight.

    Each was computed from weights to train, as the code of the layer says or, on PyTorch, the
    tensor itself. Another value of the tensor changes what the model gives, others of one of the
    weights do not: that one was looked at once. Where the tensor itself says so, it is one of an
    earlier step whatever else the outputs depend on.

    Args:
        problem: What is looked at.
        weights: The records of its weights.

    Returns:
        Those, and others that were computed so, which may be kept on purpose.
    """
    found, others = [], []
    # What the user's model raises here it raises elsewhere, too, where it is told.
    with contextlib.suppress(Exception):
        candidates = list(_candidates(problem.model, weights))
        before = outputs_of(problem) if candidates else []
        for layer, name, records, source, is_of_graph in candidates:
            with attribute(layer, name, _another(getattr(layer, name))):
                uses = differ(before, outputs_of(problem))
            if not uses:
                continue
            lost = [r for r in records if not differ(before, _with_other(problem, r))]
            made = ComputedEvidence(layer, name, records, lost, source)
            (found if lost or is_of_graph else others).append(made)
    return found, others


def _candidates(model, weights):
    known = {id(r.variable): r for r in weights if r.variable.trainable}
    for layer in custom_layers(model):
        said = {}
        for name, value in list(vars(layer).items()):
            if not is_plain(value):
                continue
            said = said or dict(set_outside_call(type(layer)))
            names, source = said.get(name, (set(), None))
            own = [v for one in names for v in _variables(vars(layer).get(one))]
            held = engine().computed_from(value, [r.variable for r in known.values()])
            taken = {id(v) for v in own + held}
            records = [record for one, record in known.items() if one in taken]
            if records:
                yield layer, name, records, source, bool(held)


def _variables(value):
    if isinstance(value, keras.Variable):
        return [value]
    return value.trainable_variables if isinstance(value, keras.layers.Layer) else []


def _another(tensor):
    return ops.stop_gradient(tensor) * 0.5 + 0.07


def _with_other(problem, record):
    """What the model gives with another value of a weight.

    It is not written into the variable: PyTorch would refuse to go back through a tensor that was
    computed from it, and for another reason than in `fit`.
    """
    moved = moved_weight(to_numpy(record.value), np.random.default_rng(0))
    other = (record.variable, ops.cast(moved, record.dtype))
    with keras.StatelessScope(state_mapping=[other]):
        return outputs_of(problem)


def set_outside_call(kind: type) -> Iterator[tuple[str, tuple[set[str], Source]]]:
    """For each attribute that a class sets outside of `call`: what else of it that was made of."""
    for one in reversed(kind.__mro__):
        if one.__module__.split(".")[0] in ("keras", "builtins"):
            continue
        code = code_of(one)
        if code is None:
            continue
        methods = {n.name: n for n in code.nodes if isinstance(n, ast.FunctionDef)}
        for method in methods.values():
            if method.name == "call":
                continue
            for name, node, made_of in _set_in(method, methods):
                yield name, (made_of, code.line_at(node, method.name))


def _set_in(method, methods):
    """The attributes that a method sets, the statement, and the attributes that it took."""
    locals_of: dict[str, set[str]] = {}
    assignments: list[Any] = [n for n in ast.walk(method) if isinstance(n, ast.Assign)]
    for node in assignments:
        own = list(filter(None, map(of_self, node.targets)))
        # `weight = self.add_weight(...); self.weight = weight` are one and the same.
        names = [t.id for t in node.targets if isinstance(t, ast.Name)]
        names += [node.value.id] if own and isinstance(node.value, ast.Name) else []
        for name in names:
            made_of = _taken(node.value, locals_of, methods)
            locals_of.setdefault(name, set()).update(made_of, own)
    for node in assignments:
        for name in filter(None, map(of_self, node.targets)):
            yield name, node, _taken(node.value, locals_of, methods) - {name}


def _taken(tree: Any, locals_of, methods, depth=_DEPTH):
    """The attributes of `self` that code takes, by itself, by a local name, or by a method."""
    found: set[str] = set()
    nodes: list[Any] = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Name):
            found |= locals_of.get(node.id, set())
        elif (name := of_self(node)) in methods and depth:
            found |= _taken(methods[name], {}, methods, depth - 1)
        elif name:
            found.add(name)
    return found
