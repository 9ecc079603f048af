"""Which edit of a constraint a finding asks for, and those of saving and of what a step can run."""

import ast
import re

import keras

from constrainit.doctor._code import called_of
from constrainit.doctor._constructor import is_registered, kept_arguments, returned
from constrainit.doctor.rules.cw201_constraint_raises import assigns_entries
from constrainit.doctor.treatments._edit_branches import in_each_branch, without_branches
from constrainit.doctor.treatments._edit_noise import without_noise
from constrainit.doctor.treatments._edit_signs import with_signs
from constrainit.doctor.treatments._edit_slips import (
    bounds_in_order,
    matrices_transposed,
    times_the_weight,
)
from constrainit.doctor.treatments._edits import (
    call_as_dunder,
    keeps_dimensions,
    replaced,
    seeded,
    seeded_numpy,
    without_a_memory,
    without_item_assignment,
)

_DECORATOR = "@keras.saving.register_keras_serializable()"


def registered(text):
    """The class or function with a decorator that registers it."""
    if "register_keras_serializable" in text or "register_serializable" in text:
        return None
    what = "class" if re.search(r"^class ", text, re.MULTILINE) else "function"
    return f"the {what} is registered with Keras", f"{_DECORATOR}\n{text}"


def with_config(text):
    """The class with a `get_config` that returns all that its constructor takes and keeps."""
    tree, kept = ast.parse(text), kept_arguments(text, written=True)
    functions = {one.name: one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}
    made = functions.get("__init__")
    if made is None or not kept or len(kept) < len(made.args.args) + len(made.args.kwonlyargs) - 1:
        return None
    lines = text.splitlines(keepends=True)
    if "get_config" not in functions:
        indent = " " * made.col_offset
        value = returned(list(kept), kept)
        body = f"\n{indent}def get_config(self):\n{indent}    return {value}\n"
        return "its get_config returns its arguments", "".join(lines).rstrip() + "\n" + body
    done = _with_items(functions["get_config"], kept, lines)
    return done and ("its get_config returns all of its arguments", done)


def _with_items(method, kept, lines):
    """The source with the arguments that the one dictionary that a method returns lacks."""
    found = [one.value for one in ast.walk(method) if isinstance(one, ast.Return)]
    shown = found[0] if len(found) == 1 else None
    if not isinstance(shown, ast.Dict):
        return None
    keys = {key.value for key in shown.keys if isinstance(key, ast.Constant)}
    missing = [name for name in kept if name not in keys]
    if not missing:
        return None
    at, end = (shown.end_lineno or 0) - 1, (shown.end_col_offset or 0) - 1
    line = lines[at].encode()
    before = line[:end].decode().rstrip()
    comma = "" if before.endswith(("{", ",")) else ", "
    new = before + comma + returned(missing, kept)[1:] + line[end + 1 :].decode()
    return "".join([*lines[:at], new, *lines[at + 1 :]])


def saved(text):
    """The class registered, and with all arguments in its config: what of it is missing."""
    sentences = []
    for edit in (registered, with_config):
        done = edit(text)
        if done is not None:
            sentences.append(done[0])
            text = done[1]
    return (", and ".join(sentences), text) if sentences else None


def keras_ops(text):
    """NumPy's functions as those of `keras.ops`, of the tensors themselves."""
    names = [n for n in ("np.", "numpy.") if n in text]
    new = text
    for name in names:
        new = new.replace(f"{name}asarray(", "keras.ops.convert_to_tensor(")
        for found in {w.split("(")[0] for w in new.split(name)[1:]}:
            head = found.split(".")[0]
            if head.isidentifier() and hasattr(keras.ops, head):
                new = new.replace(f"{name}{head}", f"keras.ops.{head}")
    tensors = re.sub(r"\.numpy\(\)", "", new)
    if tensors == text:
        return None
    said = "no numpy()" if new == text else "functions of keras.ops in place of NumPy's"
    return said, tensors


def without_numpy(text):
    """Tensors in place of NumPy: of its functions, or of the weight beside one of its arrays."""
    function, _ = called_of(text)
    named = function is not None and re.search(r"\b(np|numpy)\b\W", ast.unparse(function))
    done = (None if named else of_a_tensor(text)) or keras_ops(text)
    if done is None:
        return None
    # An array takes entries one by one, a tensor does not.
    more = without_item_assignment(done[1])
    return done if more is None else (f"{done[0]}, and {more[0]}", more[1])


def choosing(text):
    """A choice between tensors in place of branches, of which JAX takes no Variable."""
    done = without_branches(text)
    if done is None:
        return None
    begun = of_a_tensor(done[1])
    return done if begun is None else (f"{done[0]}, and {begun[0]}", begun[1])


def of_a_tensor(text):
    """`__call__`, or a function, that begins with its weight as a tensor."""
    function, method = called_of(text)
    if function is None or "convert_to_tensor" in ast.unparse(function):
        return None
    names = [one.arg for one in function.args.args][1 if method else 0 :]
    first = function.body[1 if ast.get_docstring(function) and len(function.body) > 1 else 0]
    if not names or first.lineno == function.lineno:
        return None
    lines = text.splitlines(keepends=True)
    new = f"{' ' * first.col_offset}{names[0]} = keras.ops.convert_to_tensor({names[0]})\n"
    lines.insert(first.lineno - 1, new)
    return "it begins with its weight as a tensor", "".join(lines)


def with_a_result(text):
    """`__call__`, or a function, that returns what it has made of its weight."""
    function, method = called_of(text)
    if function is None:
        return None
    weight = next((one.arg for one in function.args.args[1 if method else 0 :]), "")
    if any(isinstance(n, ast.Return) for n in ast.walk(function)):
        return in_each_branch(text, function, weight)
    last = function.body[-1]
    value = _assigned_to(last, weight)
    if value is not None:
        new = replaced(text, last, f"return {ast.unparse(value)}")
        return "it returns what it assigned to its weight", new
    names = [t.id for n in ast.walk(function) if isinstance(n, ast.Assign) for t in n.targets
             if isinstance(t, ast.Name)]  # fmt: skip
    name = weight if weight in names else next(iter(names[-1:]), "")
    if not name:
        return None
    lines = text.splitlines(keepends=True)
    lines.insert(last.end_lineno or 0, f"{' ' * last.col_offset}return {name}\n")
    return f"it returns {name}", "".join(lines)


def _assigned_to(statement, name):
    """What a statement `name.assign(...)` assigns, None for any other."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or ast.unparse(call.func) != f"{name}.assign":
        return None
    return call.args[0] if len(call.args) == 1 else None


def _first_of(*edits):
    def edit(text):
        return next((done for one in edits if (done := one(text)) is not None), None)

    return edit


_of_its_shape = _first_of(keeps_dimensions, matrices_transposed)

KEEPING = (_of_its_shape, keeps_dimensions)
"""Edits by which a reduction keeps its axis, whichever that is."""

EDITS = {
    "CW206": call_as_dunder,
    "CW208": saved,
    "CW202": _of_its_shape,
    "CW205": keeps_dimensions,
    "CW204": keeps_dimensions,
    "CW207": _first_of(without_noise, seeded, seeded_numpy, without_a_memory),
    "CW212": bounds_in_order,
    "CW215": with_signs,
}
"""The edit that findings of a rule ask for."""

_OF_ERRORS = (
    (("returns none",), with_a_result),
    (("seedgenerator",), seeded),
    (("__jax_array__",), of_a_tensor),
    (("boolean conversion", "python `bool`", "concrete value"), choosing),
    (("numpy", "__array__"), without_numpy),
    (("shape", "broadcast", "dimension", "size of tensor"), _of_its_shape),
)
"""What an error of a constraint speaks of, and the edit that it asks for."""


def edit_for(finding, kind):
    """The edit of a class or function of a constraint that a finding asks for, or None."""
    if finding.code == "CW208" and is_registered(kind):
        return with_config
    # Without its count, a constraint that waits for one waits for ever.
    if finding.code == "CW207" and "changes_by" in finding.evidence:
        return None
    if finding.code == "CW212" and "compares" in finding.evidence:
        return times_the_weight
    if finding.code != "CW201":
        return EDITS.get(finding.code)
    if assigns_entries(finding.message, finding.source):
        return without_item_assignment
    said = finding.message.lower()
    return next((edit for words, edit in _OF_ERRORS if any(word in said for word in words)), None)
