"""Weights in a set that a layer adds others to before it computes with them."""

import ast
import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from constrainit.doctor._code import code_of, of_self
from constrainit.doctor._evidence import AddedEvidence, Evidence
from constrainit.doctor._frames import Source
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy

_OUTSIDE = 1e-3


def leaves_by_a_sum(evidence: Evidence) -> list[AddedEvidence]:
    """The weights with a constraint that no step moves, whose sum with trained ones is outside.

    The sum is computed as `call` does, and given to what is called with it alone, which may bring
    it back.

    Args:
        evidence: What was measured; the weights are as the steps have left them.
    """
    found = []
    for record in evidence.weights:
        if record.constraint is None or record.variable.trainable or not is_custom(record.layer):
            continue
        own = getattr(vars(record.layer).get("call"), "__func__", type(record.layer).call)
        function = inspect.unwrap(own)
        for text, calls, source in _sums(record, function):
            # What the user's own code raises is told elsewhere.
            with contextlib.suppress(Exception):
                apart = _outside(record, _values(record.layer, function, text, calls))
                if apart:
                    found.append(AddedEvidence(record, text, apart, source))
                    break
    return found


def _outside(record, values):
    """How far the first of these is outside of the set, if no other is inside; else 0."""
    found = []
    for value in values:
        if tuple(value.shape) != record.shape:
            return 0.0
        image, value = to_numpy(record.resolved(record.constraint)(value)), to_numpy(value)
        if not np.linalg.norm(image - value) > _OUTSIDE * np.linalg.norm(value):
            return 0.0
        found.append(float(np.max(np.abs(image - value))))
    return found[0]


def _values(layer, function, text, calls) -> Iterator[Any]:
    """A sum, and what each of the functions around it makes of the one before.

    Only names that the code which is loaded has itself are looked up: its file may be another one
    by now.
    """
    scope, here = dict(function.__globals__), {"self": layer}
    known = {"self", *function.__code__.co_names}
    names = {
        getattr(node, "id", None) or getattr(node, "attr", "")
        for one in (text, *calls)
        for node in ast.walk(ast.parse(one))
        if isinstance(node, (ast.Name, ast.Attribute))
    }
    if names <= known:
        value = eval(text, scope, here)
        yield value
        for one in calls:
            called = eval(one, scope, here)
            if not _only_computes(called):
                raise ValueError(f"{one} may change what it belongs to.")
            value = called(value)
            yield value


def _only_computes(function):
    """Whether it is no method, such as `append`, `assign` or `add_loss`, but one of the user's."""
    owner = getattr(function, "__self__", None)
    if owner is None or inspect.ismodule(owner) or inspect.isclass(owner):
        return True
    return getattr(function, "__module__", "").split(".")[0] not in ("keras", "builtins", "")


def _sums(record, function) -> Iterator[tuple[str, list[str], Source]]:
    """The sums in `call` of a weight with expressions of trained weights, and nothing else."""
    layer, code = record.layer, code_of(function)
    names = [f"self.{name}" for name, value in vars(layer).items() if value is record.variable]
    if code is None or not names:
        return
    nodes, skipped = code.nodes, _of_penalties(code.nodes)
    made = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    made |= {n.arg for n in nodes if isinstance(n, ast.arg)} - {"self"}
    for node in nodes:
        is_sum = isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub))
        if not is_sum or id(node) in skipped:
            continue
        ends = {ast.unparse(node.left): node.right, ast.unparse(node.right): node.left}
        other = next((ends[name] for name in names if name in ends), None)
        calls = _around(node, nodes)
        if other is not None and _takes_trained(other, layer) and not _read(node, *calls) & made:
            yield ast.unparse(node), [ast.unparse(c) for c in calls], code.line_at(node, "call")


def _of_penalties(nodes):
    """The parts of a penalty, and of squares: how far apart two weights are is in no set."""
    tops = [
        n for n in nodes
        if (isinstance(n, ast.Call) and ast.unparse(n.func) == "self.add_loss")
        or (isinstance(n, ast.BinOp) and isinstance(n.op, ast.Pow))
    ]  # fmt: skip
    return {id(part) for top in tops for part in ast.walk(top)}


def _around(node, nodes):
    """The functions that are called with an expression alone, from the inside out."""
    calls = [n for n in nodes if isinstance(n, ast.Call) and len(n.args) == 1 and not n.keywords]
    call = next((call for call in calls if call.args[0] is node), None)
    return [] if call is None else [call.func, *_around(call, nodes)]


def _read(*parts):
    return {n.id for part in parts for n in ast.walk(part) if isinstance(n, ast.Name)}


def _takes_trained(expression, layer):
    """Whether an expression takes a trained weight of a layer."""
    values = [vars(layer).get(of_self(part)) for part in ast.walk(expression)]
    return any(isinstance(v, keras.Variable) and v.trainable for v in values)
