"""Remedies in the user's own Python: a floor under the operand of the operation that failed."""

import ast
from typing import Any

from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._rewriting import (
    as_kind,
    become,
    kind_of,
    kind_of_layer,
    rewritten,
    source_of,
)

_GUARDED = ("log", "log1p", "sqrt", "rsqrt", "power")
_FLOORS = {
    **dict.fromkeys((*_GUARDED, "divide"), "1e-6"),
    # An entry that is masked keeps no share, and float16 holds it.
    **dict.fromkeys(("softmax", "log_softmax", "logsumexp"), "-1e4"),
}
_OF_SHARES = ("log", "sqrt", "rsqrt")
"""What is taken of chances and variances; a power is taken of what layers give, too."""

_ROUNDING = 1e-3
"""Numbers below zero by less than this share of the largest are taken for rounding."""


def guarded(problem, evidence, found):
    """The operand of the operation that failed, kept away from where it has no result."""
    operation = evidence.operation
    if operation is None or operation.source is None or not _can_be_guarded(operation):
        return None
    layers = problem.model._flatten_layers()
    layer = next((o for o in layers if o.name == operation.layer), None)
    losses = problem.losses()
    if layer is not None:
        owner: Any = kind_of_layer(layer)
    elif _penalty_at(problem, operation.source) is not None:
        return _guarded_penalty(problem, operation)
    elif operation.stage in ("loss", "gradients") and len(losses) == 1:
        owner = getattr(losses[0], "fn", losses[0])
    else:
        return None
    if owner.__module__.split(".")[0] in ("keras", "constrainit", "builtins"):
        return None
    made = rewritten(owner, _guard(operation))
    if made is None:
        return None
    new, sentence, diff = made
    if layer is None:
        return Changed(sentence, with_other(problem, loss=new), diff=diff)
    for other in layers:
        if kind_of_layer(other) is owner:
            become(other, new)
    return Changed(sentence, with_other(problem), diff=diff)


def _guarded_penalty(problem, operation):
    """The penalty on weights in which an operation failed, with its operand guarded."""
    owner = _penalty_at(problem, operation.source)
    made = rewritten(owner, _guard(operation))
    if made is None:
        return None
    new, sentence, diff = made
    for variable in problem.model.variables:
        penalty = getattr(variable, "regularizer", None)
        if penalty is not None and kind_of(penalty) is owner:
            variable.regularizer = new if penalty is owner else as_kind(penalty, new)
    return Changed(sentence, with_other(problem), diff=diff)


def _penalty_at(problem, source):
    """The class or function of the user's own that penalizes a weight and holds a line."""
    penalties = [getattr(v, "regularizer", None) for v in problem.model.variables]
    for kind in dict.fromkeys(kind_of(one) for one in penalties if one is not None):
        found = None if kind.__module__.split(".")[0] == "keras" else source_of(kind)
        if found is not None and any(line.strip() == source.text for line in found[0]):
            return kind
    return None


def _can_be_guarded(operation):
    """Whether a floor mends it: one under numbers that are below zero would only hide them."""
    if operation.name == "divide":
        return len(operation.operands) > 1 and operation.operands[1].numbers.minimum >= 0
    if operation.name in _OF_SHARES and operation.operands:
        entered = operation.operands[0].numbers
        return entered.minimum >= -_ROUNDING * abs(entered.maximum)
    return operation.name in _GUARDED or _has_infinite_operand(operation)


def _has_infinite_operand(operation):
    return any(operand.numbers.nonfinite for operand in operation.operands)


def _guard(operation):
    """An edit of a source that puts a floor under the operand of an operation on its line."""
    line_text = operation.source.text

    def edit(text):
        nodes = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.expr) and _line(text, node.lineno) == line_text
        ]
        names = [operation.name]
        # What made the operand infinite, harmless by itself, may stand on the same line.
        names += [n for n in _GUARDED if _has_infinite_operand(operation)]
        for name in names:
            spans = [span for node in nodes for span in _operand_of(node, name)]
            if spans and name in _FLOORS:
                text = _wrapped(text, spans, _FLOORS[name])
                return f"a floor of {_FLOORS[name]} under the operand of {name}", text
        return None

    return edit


def _operand_of(node, name):
    """Where in a node that is the operation its operand stands, and whose function it is."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        if node.func.attr == name:
            yield _span(node.args[0]), ast.unparse(node.func.value)
    elif name == "divide" and isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        yield _span(node.right), "keras.ops"


def _line(text, number):
    return text.splitlines()[number - 1].strip()


def _span(node):
    """Where an expression begins and ends: lines from 1, offsets in bytes."""
    return node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0


def _wrapped(text, spans, floor):
    """A source with a floor under each of the spans, which may lie in one another."""
    pieces = []
    for (first, start, last, end), module in spans:
        pieces.append(((first, start), f"{module}.maximum("))
        pieces.append(((last, end), f", {floor})"))
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    for (number, at), piece in sorted(pieces, reverse=True):
        line = lines[number - 1]
        lines[number - 1] = line[:at] + piece.encode() + line[at:]
    return b"".join(lines).decode()
