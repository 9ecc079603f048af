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
from constrainit.doctor.treatments._remedy import Changed, with_other

_REDUCTIONS = ("sum", "mean", "max", "min", "norm", "sqrt")
_GUARDED = ("log", "log1p", "sqrt", "rsqrt", "power")
_FLOOR = "1e-6"
_REGISTRIES = (registry.GLOBAL_CUSTOM_NAMES, registry.GLOBAL_CUSTOM_OBJECTS)
_DECORATOR = "@keras.saving.register_keras_serializable()"


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
        edit = _EDITS.get(finding.code)
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


def _call_as_dunder(text):
    """`call`, which Keras never runs, as `__call__`."""
    if "def __call__" in text or "def call(" not in text:
        return None
    return "the method `call` is renamed `__call__`", text.replace("def call(", "def __call__(", 1)


def _registered(text):
    """The class with a decorator that registers it."""
    if "register_keras_serializable" in text or "register_serializable" in text:
        return None
    return "the class is registered with Keras", f"{_DECORATOR}\n{text}"


def _keeps_dimensions(text):
    """Reductions along an axis with `keepdims=True`."""
    tree = ast.parse(text)
    missing = [
        node for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _REDUCTIONS
        and any(word.arg == "axis" for word in node.keywords)
        and not any(word.arg == "keepdims" for word in node.keywords)
    ]  # fmt: skip
    if not missing:
        return None
    return "reductions keep their axis (keepdims=True)", _with_argument(
        text, missing, "keepdims=True"
    )


def _seeded(text):
    """Draws of `keras.random` with a seed of their own: without one they need a global state."""
    missing = [
        node for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) in ("keras.random", "random")
        and hasattr(keras.random, node.func.attr)
        and not any(word.arg == "seed" for word in node.keywords)
    ]  # fmt: skip
    if not missing:
        return None
    return "random numbers are drawn with a seed", _with_argument(text, missing, "seed=0")


def _with_argument(text, calls, argument):
    """A source in which calls get one more argument."""
    lines = text.splitlines(keepends=True)
    for node in sorted(calls, key=_end, reverse=True):
        last, end = _end(node)
        # Offsets of the syntax tree count bytes.
        raw = lines[last - 1].encode()
        lines[last - 1] = raw[: end - 1].decode() + f", {argument}" + raw[end - 1 :].decode()
    return "".join(lines)


def _end(node):
    return node.end_lineno or 0, node.end_col_offset or 0


def _first_of(*edits):
    def edit(text):
        return next((done for one in edits if (done := one(text)) is not None), None)

    return edit


def _keras_ops(text):
    """NumPy's functions as those of `keras.ops`."""
    names = [n for n in ("np.", "numpy.") if n in text]
    if not names:
        return None
    new = text
    for name in names:
        for found in {w.split("(")[0] for w in new.split(name)[1:]}:
            head = found.split(".")[0]
            if head.isidentifier() and hasattr(keras.ops, head):
                new = new.replace(f"{name}{head}", f"keras.ops.{head}")
    return ("functions of keras.ops in place of NumPy's", new) if new != text else None


def _without_item_assignment(text):
    """`w[i] = v` and `w[mask] = v`, which not every backend has, as new tensors."""
    calls = [n for n in ast.walk(ast.parse(text)) if getattr(n, "name", "") == "__call__"]
    nodes = [node for call in calls for node in ast.walk(call)]
    turns = {
        node.target.id
        for node in nodes
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name)
    }
    assignments = [node for node in nodes if isinstance(node, (ast.Assign, ast.AugAssign))]
    found = [(n, new) for n in assignments if (new := _as_new_tensor(n, turns)) is not None]
    if not found:
        return None
    lines = text.splitlines(keepends=True)
    for node, new in sorted(found, key=lambda pair: _end(pair[0]), reverse=True):
        indent = lines[node.lineno - 1][: node.col_offset]
        lines[node.lineno - 1 : node.end_lineno] = [f"{indent}{new}\n"]
    return "a new tensor in place of an assignment to entries", "".join(lines)


def _as_new_tensor(node, turns):
    """The statement that makes what an assignment to entries of a name would have made."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    if not isinstance(target, ast.Subscript) or not isinstance(target.value, ast.Name):
        return None
    place = target.slice
    is_turn = isinstance(place, ast.Name) and place.id in turns
    is_number = isinstance(place, ast.Constant) and isinstance(place.value, int)
    if not is_turn and not is_number and not isinstance(place, (ast.Compare, ast.Name)):
        return None
    name, value = target.value.id, node.value
    if isinstance(node, ast.AugAssign):
        value = ast.BinOp(ast.Name(f"{name}[{ast.unparse(place)}]"), node.op, value)
    at, made = ast.unparse(place), ast.unparse(value)
    if is_turn or is_number:
        return f"{name} = keras.ops.scatter_update({name}, [[{at}]], keras.ops.stack([{made}]))"
    return f"{name} = keras.ops.where({at}, {made}, {name})"


_EDITS = {
    "CW206": _call_as_dunder,
    "CW208": _registered,
    "CW202": _keeps_dimensions,
    "CW205": _keeps_dimensions,
    "CW201": _first_of(_without_item_assignment, _seeded, _keras_ops, _keeps_dimensions),
    "CW204": _keeps_dimensions,
    "CW207": _seeded,
}
