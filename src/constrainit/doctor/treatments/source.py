"""Remedies in the user's own Python: an edit of a class, applied in memory and tried."""

import ast
import contextlib
import difflib
import inspect
import linecache
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
from keras.src.saving import object_registration as registry

from constrainit._obey import prepare
from constrainit.doctor.treatments._edits import EDITS
from constrainit.doctor.treatments._remedy import Changed, with_other

_GUARDED = ("log", "log1p", "sqrt", "rsqrt", "power")
_FLOOR = "1e-6"
_REGISTRIES = (registry.GLOBAL_CUSTOM_NAMES, registry.GLOBAL_CUSTOM_OBJECTS)


@contextlib.contextmanager
def registered_as_before() -> Iterator[None]:
    """Puts Keras' registry of the user's classes back: an edited class takes the old one's name."""
    held = [(part, dict(part)) for part in _REGISTRIES]
    try:
        yield
    finally:
        for part, content in held:
            part.clear()
            part.update(content)


def edited(problem, evidence, found):
    """The smallest edit of the class of a constraint that its findings ask for."""
    kinds, changes, diffs = {}, [], []
    for finding in found:
        variable = _variable(problem, finding.weight)
        kind = type(getattr(variable, "constraint", None))
        edit = EDITS.get(finding.code)
        if edit is None or kind.__module__.split(".")[0] in ("keras", "constrainit", "builtins"):
            continue
        if kind not in kinds:
            made = _rewritten(kind, edit)
            if made is None:
                continue
            kinds[kind], sentence, diff = made
            changes.append(sentence)
            diffs.append(diff)
    if not kinds:
        return None
    for variable in problem.model.variables:
        constraint = getattr(variable, "constraint", None)
        if type(constraint) in kinds:
            variable.constraint = _as_kind(constraint, kinds[type(constraint)])
    if any(finding.code != "CW208" for finding in found):
        prepare(problem.model, seed=problem.seed)
    return Changed("; ".join(changes), diff="\n".join(diffs))


def _variable(problem, path):
    return next((v for v in problem.model.variables if v.path == path), None)


def _as_kind(constraint, kind):
    copy = object.__new__(kind)
    vars(copy).update(vars(constraint))
    return copy


def guarded(problem, evidence, found):
    """The operand of the operation that failed, kept away from where it has no result."""
    operation = evidence.operation
    if operation is None or operation.source is None or not _can_be_guarded(operation):
        return None
    layer = next((o for o in problem.model._flatten_layers() if o.name == operation.layer), None)
    losses = problem.losses()
    if layer is not None:
        owner: Any = type(layer)
    elif operation.stage in ("loss", "gradients") and len(losses) == 1:
        owner = getattr(losses[0], "fn", losses[0])
    else:
        return None
    if owner.__module__.split(".")[0] in ("keras", "constrainit", "builtins"):
        return None
    made = _rewritten(owner, _guard(operation))
    if made is None:
        return None
    new, sentence, diff = made
    if layer is None:
        return Changed(sentence, with_other(problem, loss=new), diff=diff)
    for name, value in vars(new).items():
        if inspect.isfunction(value) and name != "__init__":
            vars(layer)[name] = types.MethodType(value, layer)
    return Changed(sentence, with_other(problem), diff=diff)


def _can_be_guarded(operation):
    if operation.name == "divide":
        return len(operation.operands) > 1 and operation.operands[1].numbers.minimum >= 0
    return operation.name in _GUARDED


def _guard(operation):
    """An edit of a source that puts a floor under the operand of an operation on its line."""
    line_text = operation.source.text

    def edit(text):
        nodes = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.expr) and _line(text, node.lineno) == line_text
        ]
        spans = [span for node in nodes for span in _operand_of(node, operation.name)]
        if not spans:
            return None
        text = _wrapped(text, spans)
        return f"a floor of {_FLOOR} under the operand of {operation.name}", text

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


def _wrapped(text, spans):
    """A source with a floor under each of the spans, which may lie in one another."""
    pieces = []
    for (first, start, last, end), module in spans:
        pieces.append(((first, start), f"{module}.maximum("))
        pieces.append(((last, end), f", {_FLOOR})"))
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    for (number, at), piece in sorted(pieces, reverse=True):
        line = lines[number - 1]
        lines[number - 1] = line[:at] + piece.encode() + line[at:]
    return b"".join(lines).decode()


def _rewritten(kind: Any, edit: Any) -> tuple[Any, str, str] | None:
    """A class or function with its source edited, what was done, and the diff of its file."""
    try:
        lines, first = inspect.getsourcelines(kind)
        path = inspect.getsourcefile(kind)
    # What is made in a session has no source.
    except (OSError, TypeError):
        return None
    text = "".join(lines)
    indent = text[: len(text) - len(text.lstrip())]
    done = edit(textwrap.dedent(text))
    if done is None or path is None:
        return None
    sentence, new = done
    whole = linecache.getlines(path)
    changed = textwrap.indent(new, indent).splitlines(keepends=True)
    after = [*whole[: first - 1], *changed, *whole[first - 1 + len(lines) :]]
    name = Path(path).name
    diff = "".join(difflib.unified_diff(whole, after, name, name, n=2))
    return _compiled(kind, new), sentence, diff


def _compiled(kind, text):
    """What an edited source defines, among the names of its module."""
    scope = dict(vars(inspect.getmodule(kind)))
    scope.setdefault("keras", keras)
    # Keras refuses a name twice; `treat` puts its registry back.
    name = registry.GLOBAL_CUSTOM_NAMES.pop(kind, None)
    registry.GLOBAL_CUSTOM_OBJECTS.pop(name, None)
    exec(compile(text, f"<edited {kind.__name__}>", "exec"), scope)
    return scope[kind.__name__]
