"""Remedies in the user's own Python: an edit of a class, applied in memory and tried."""

import ast
import difflib
import inspect
import linecache
import textwrap
from pathlib import Path
from typing import Any

import keras

from constrainit._obey import prepare
from constrainit.doctor.treatments._remedy import Changed

_REDUCTIONS = ("sum", "mean", "max", "min", "norm", "sqrt")
_DECORATOR = "@keras.saving.register_keras_serializable()"


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


def _rewritten(kind: type, edit: Any) -> tuple[type, str, str] | None:
    """A class with its source edited, what was done, and the diff of its file."""
    try:
        lines, first = inspect.getsourcelines(kind)
        path = inspect.getsourcefile(kind)
    # A class made in a session has no source.
    except (OSError, TypeError):
        return None
    text = "".join(lines)
    indent = text[: len(text) - len(text.lstrip())]
    flat = textwrap.dedent(text)
    done = edit(flat)
    if done is None or path is None:
        return None
    sentence, new = done
    kind = _compiled(kind, new)
    whole = linecache.getlines(path)
    changed = textwrap.indent(new, indent).splitlines(keepends=True)
    after = [*whole[: first - 1], *changed, *whole[first - 1 + len(lines) :]]
    name = Path(path).name
    diff = "".join(difflib.unified_diff(whole, after, name, name, n=2))
    return kind, sentence, diff


def _compiled(kind, text):
    """The class that an edited source defines, among the names of its module."""
    scope = dict(vars(inspect.getmodule(kind)))
    scope.setdefault("keras", keras)
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
    lines = text.splitlines(keepends=True)
    for node in sorted(missing, key=lambda n: (n.end_lineno, n.end_col_offset), reverse=True):
        line = lines[node.end_lineno - 1]
        # Offsets of the syntax tree count bytes.
        raw = line.encode()
        cut = node.end_col_offset - 1
        lines[node.end_lineno - 1] = (raw[:cut] + b", keepdims=True" + raw[cut:]).decode()
    return "reductions keep their axis (keepdims=True)", "".join(lines)


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


_EDITS = {
    "CW206": _call_as_dunder,
    "CW208": _registered,
    "CW202": _keeps_dimensions,
    "CW205": _keeps_dimensions,
    "CW201": _first_of(_keras_ops, _keeps_dimensions),
    "CW204": _keeps_dimensions,
}
