"""Weights in a set that a layer adds others to before it computes with them."""

import ast
import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from constrainit.doctor._evidence import AddedEvidence, Evidence
from constrainit.doctor._frames import Source, code_of, line_of
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy

_OUTSIDE = 1e-3


def leaves_by_a_sum(evidence: Evidence) -> list[AddedEvidence]:
    """The weights with a constraint that no step moves, whose sum with trained ones is outside.

    Args:
        evidence: What was measured; the weights are as the steps have left them.
    """
    found = []
    for record in evidence.weights:
        if record.constraint is None or record.variable.trainable or not is_custom(record.layer):
            continue
        function = getattr(vars(record.layer).get("call"), "__func__", type(record.layer).call)
        for text, source in _sums(record, function):
            # What the user's own code raises is told elsewhere.
            with contextlib.suppress(Exception):
                value = eval(text, dict(function.__globals__), {"self": record.layer})
                if tuple(value.shape) != record.shape:
                    continue
                inside = to_numpy(record.resolved(record.constraint)(value))
                apart = float(np.linalg.norm(inside - to_numpy(value)))
                if apart > _OUTSIDE * float(np.linalg.norm(to_numpy(value))):
                    least = float(np.max(np.abs(inside - to_numpy(value))))
                    found.append(AddedEvidence(record, text, least, source))
    return found


def _sums(record, function) -> Iterator[tuple[str, Source | None]]:
    """The sums in `call` of a weight with expressions of trained weights, and nothing else."""
    layer = record.layer
    code, line = code_of(function), line_of(function)
    names = [name for name, value in vars(layer).items() if value is record.variable]
    if code is None or not names:
        return
    nodes: list[Any] = list(ast.walk(code))
    for node in nodes:
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, (ast.Add, ast.Sub)):
            continue
        ends = {ast.unparse(node.left): node.right, ast.unparse(node.right): node.left}
        other = next((ends[f"self.{name}"] for name in names if f"self.{name}" in ends), None)
        if other is not None and _is_of_trained(other, layer, code):
            source = line and Source(line.file, line.line + node.lineno - 1, "call", "")
            yield ast.unparse(_outermost(node, nodes)), source


def _outermost(node, nodes):
    """The last of the functions that are called with an expression alone, or that itself."""
    calls = [n for n in nodes if isinstance(n, ast.Call) and len(n.args) == 1 and not n.keywords]
    around = next((call for call in calls if call.args[0] is node), None)
    return node if around is None else _outermost(around, nodes)


def _is_of_trained(expression, layer, code):
    """Whether an expression takes a trained weight of a layer, and nothing that `call` made."""
    nodes: list[Any] = list(ast.walk(code))
    made = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    made |= {a.arg for a in code.args.args} - {"self"}
    parts: list[Any] = list(ast.walk(expression))
    if any(isinstance(n, ast.Name) and n.id in made for n in parts):
        return False
    own = [n.attr for n in parts if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "self"]
    values = [vars(layer).get(name) for name in own]
    return any(isinstance(v, keras.Variable) and v.trainable for v in values)
