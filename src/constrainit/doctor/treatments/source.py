"""Remedies in the user's own Python: an edit of a class, applied in memory and tried."""

import ast
import contextlib
import difflib
import inspect
import linecache
import textwrap
import types
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
from keras.src.saving import object_registration as registry

from constrainit.doctor._frames import EDITED_FILE
from constrainit.doctor.treatments import _edits
from constrainit.doctor.treatments._edits import EDITS
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments.starts import start_inside

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
_EDITED = "_constrainit_edited"
_SOURCES: Any = weakref.WeakKeyDictionary()
"""What the classes and functions that were edited once were made from."""
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
    return _edited(problem, found, EDITS)


def along_inputs(problem, evidence, found):
    """The class of a constraint with its reductions along the inputs of a unit."""
    return _edited(problem, found, dict.fromkeys(EDITS, _edits.along_inputs))


def along_units(problem, evidence, found):
    """The class of a constraint with its norms along the axes that feed a unit."""
    numbers = found[0].evidence
    edit = _edits.along(numbers["axis"], tuple(numbers["unit_axes"]))
    return _edited(problem, found, {found[0].code: edit})


def along_a_longer_axis(problem, evidence, found):
    """The class of a constraint whose reductions run along an axis of length one, along another."""
    numbers = found[0].evidence
    if "axis" not in numbers:
        return None
    [axis], other = numbers["axis"], numbers["unit_axes"][0]
    rank = 1 + len(numbers["unit_axes"])
    return _edited(problem, found, {found[0].code: _edits.along([axis], other, [axis - rank])})


def _edited(problem, found, edits):
    kinds, changes, diffs = {}, [], []
    for finding in found:
        variable = _variable(problem, finding.weight)
        kind = _kind_of(getattr(variable, "constraint", None))
        edit = edits.get(finding.code)
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
        kind = _kind_of(constraint)
        if kind in kinds:
            is_function = kind is constraint
            new = kinds[kind]
            variable.constraint = new if is_function else _as_kind(constraint, new)
    if any(finding.code != "CW208" for finding in found):
        start_inside(problem)
    return Changed("; ".join(changes), diff="\n".join(diffs))


def _variable(problem, path):
    return next((v for v in problem.model.variables if v.path == path), None)


def _kind_of(constraint):
    """What holds the code of a constraint: its class, or a function that is one itself."""
    named = inspect.isfunction(constraint) and constraint.__name__.isidentifier()
    return constraint if named else type(constraint)


def _as_kind(constraint, kind):
    copy = object.__new__(kind)
    vars(copy).update(vars(constraint))
    return copy


def guarded(problem, evidence, found):
    """The operand of the operation that failed, kept away from where it has no result."""
    operation = evidence.operation
    if operation is None or operation.source is None or not _can_be_guarded(operation):
        return None
    layers = problem.model._flatten_layers()
    layer = next((o for o in layers if o.name == operation.layer), None)
    losses = problem.losses()
    if layer is not None:
        owner: Any = _kind(layer)
    elif _penalty_at(problem, operation.source) is not None:
        return _guarded_penalty(problem, operation)
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
    for other in layers:
        if _kind(other) is owner:
            _become(other, new)
    return Changed(sentence, with_other(problem), diff=diff)


def _guarded_penalty(problem, operation):
    """The penalty on weights in which an operation failed, with its operand guarded."""
    owner = _penalty_at(problem, operation.source)
    made = _rewritten(owner, _guard(operation))
    if made is None:
        return None
    new, sentence, diff = made
    for variable in problem.model.variables:
        penalty = getattr(variable, "regularizer", None)
        if penalty is not None and _kind_of(penalty) is owner:
            variable.regularizer = new if penalty is owner else _as_kind(penalty, new)
    return Changed(sentence, with_other(problem), diff=diff)


def _penalty_at(problem, source):
    """The class or function of the user's own that penalizes a weight and holds a line."""
    penalties = [getattr(v, "regularizer", None) for v in problem.model.variables]
    for kind in dict.fromkeys(_kind_of(one) for one in penalties if one is not None):
        found = None if kind.__module__.split(".")[0] == "keras" else _source(kind)
        if found is not None and any(line.strip() == source.text for line in found[0]):
            return kind
    return None


def with_a_gradient(problem, evidence, found):
    """The class of a layer that cuts the gradient off, with an operation that lets it through."""
    names = [finding.layer for finding in found]
    return _edited_layer(problem, names, _edits.with_a_gradient)


def softmax_along_time(problem, evidence, found):
    """The class of a layer with its softmax of single entries along the axis before the last."""
    place = next(((name, line) for name, line in evidence.alone if name and line), None)
    if place is None:
        return None
    name, line = place
    return _edited_layer(problem, [name], _edits.softmax_along_time(line.text))


def _edited_layer(problem, names, edit):
    """The first of the named layers whose class can be edited so, with its edited class."""
    layers = problem.model._flatten_layers()
    for layer in [one for name in names for one in layers if one.name == name]:
        owner = _kind(layer)
        if owner.__module__.split(".")[0] in ("keras", "constrainit", "builtins"):
            continue
        made = _rewritten(owner, edit)
        if made is None:
            continue
        new, sentence, diff = made
        for other in layers:
            if _kind(other) is owner:
                _become(other, new)
        return Changed(sentence, with_other(problem), diff=diff)
    return None


def _kind(layer):
    """The class of a layer, or the edited one that it has the methods of."""
    return vars(layer).get(_EDITED, type(layer))


def _become(layer, kind):
    """Gives a layer the methods of an edited class, until its attributes are put back."""
    vars(layer)[_EDITED] = kind
    for name, value in vars(kind).items():
        if inspect.isfunction(value) and name != "__init__":
            vars(layer)[name] = types.MethodType(value, layer)


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


def _rewritten(kind: Any, edit: Any) -> tuple[Any, str, str] | None:
    """A class or function with its source edited, what was done, and the diff of its file."""
    found = _source(kind)
    if found is None:
        return None
    lines, first, path, whole = found
    text = "".join(lines)
    indent = text[: len(text) - len(text.lstrip())]
    done = edit(textwrap.dedent(text))
    if done is None:
        return None
    sentence, new = done
    changed = textwrap.indent(new, indent).splitlines(keepends=True)
    after = [*whole[: first - 1], *changed, *whole[first - 1 + len(lines) :]]
    name = Path(path).name
    diff = "".join(difflib.unified_diff(whole, after, name, name, n=2))
    made = _compiled(kind, new)
    _SOURCES[made] = changed, first, path, after
    return made, sentence, diff


def _source(kind):
    """The lines of a class or function, the first one's number, its file and all lines of that."""
    if kind in _SOURCES:
        return _SOURCES[kind]
    try:
        lines, first = inspect.getsourcelines(kind)
        path = inspect.getsourcefile(kind)
    # What is made in a session has no source.
    except (OSError, TypeError):
        return None
    return None if path is None else (lines, first, path, linecache.getlines(path))


def _compiled(kind, text):
    """What an edited source defines, among the names of its module."""
    scope = dict(vars(inspect.getmodule(kind)))
    scope.setdefault("keras", keras)
    # Keras refuses a name twice; `treat` puts its registry back.
    name = registry.GLOBAL_CUSTOM_NAMES.pop(kind, None)
    registry.GLOBAL_CUSTOM_OBJECTS.pop(name, None)
    file = f"{EDITED_FILE}{kind.__name__}>"
    # So that a second look names its lines.
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    exec(compile(text, file, "exec"), scope)
    return scope[kind.__name__]
