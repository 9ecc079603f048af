"""Edits of the source of a user's class: text in, a sentence and the new text out, or None."""

import ast
import re
from collections.abc import Callable
from typing import Any

import keras

from constrainit.doctor._code import called_of
from constrainit.doctor._straight import swapped

REDUCTIONS = ("sum", "mean", "max", "min", "norm", "sqrt")


def call_as_dunder(text):
    """`call`, which Keras never runs, as `__call__`."""
    if "def __call__" in text or "def call(" not in text:
        return None
    return "the method `call` is renamed `__call__`", text.replace("def call(", "def __call__(", 1)


def keeps_dimensions(text):
    """Reductions along an axis with `keepdims=True`."""

    def reduces(node):
        along = any(word.arg == "axis" for word in node.keywords)
        return along and node.func.attr in REDUCTIONS

    new = with_argument(text, "keepdims", "True", reduces)
    return new and ("reductions keep their axis (keepdims=True)", new)


def seeded(text):
    """Draws of `keras.random` with a seed of their own: without one they need a global state."""
    new = with_argument(text, "seed", "0", draws_by_keras)
    return new and ("random numbers are drawn with a seed", new)


def draws_by_keras(node):
    """Whether a call of a function of a module is one of `keras.random` that draws numbers."""
    module, drawn = ast.unparse(node.func.value), getattr(keras.random, node.func.attr, object)
    return module in ("keras.random", "random") and not isinstance(drawn, type)


def seeded_numpy(text):
    """Draws of NumPy's global state, which differ from call to call, from a fixed seed."""
    new = text
    for name in ("np.random.", "numpy.random."):
        for drawn in ("rand", "randn", "random", "uniform", "normal", "randint", "binomial"):
            new = re.sub(
                rf"(?<![\w.]){re.escape(name + drawn)}\(", f"{name}RandomState(0).{drawn}(", new
            )
    return (
        ("NumPy's random numbers are drawn with a seed, the same at each call", new)
        if (new != text)
        else None
    )


def along_inputs(text):
    """Reductions along the inputs of a unit in place of along the units."""
    new = re.sub(r"\baxis=-1\b", "axis=0", text)
    return ("reductions run along the inputs of a unit (axis=0)", new) if new != text else None


def along(used, right, or_used=None):
    """An edit: the axes of reductions that are `used`, written as numbers, become `right`."""

    def edit(text):
        found = [
            word.value
            for node in ast.walk(ast.parse(text))
            for word in getattr(node, "keywords", ())
            if word.arg == "axis" and numbers_of(word.value) in (used, or_used or used)
        ]
        new = all_replaced(text, [(node, str(right)) for node in found])
        return (f"reductions run along axis={right}, as a unit does", new) if found else None

    return edit


def numbers_of(node):
    """The axes that an expression names, in order; None if it is no number or list of them."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return sorted(value) if isinstance(value, (list, tuple)) else [value]


def laid_out(name, how, expression):
    """An edit: where it is called, a constraint takes a constant as an expression gives it.

    The constant is a name, an attribute, or the transpose of one.
    """

    def edit(text):
        function, _ = called_of(text)
        found = [
            node
            for node in ([] if function is None else ast.walk(function))
            if isinstance(node, (ast.Name, ast.Attribute, ast.Call))
            and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
            and ast.unparse(node) == name
        ]
        new = all_replaced(text, [(node, expression) for node in found])
        return (f"{name} is {how}", new) if found else None

    return edit


def without_a_memory(text):
    """No attribute is set in `__call__`: what the constraint does no longer depends on its past."""
    calls = [n for n in ast.walk(ast.parse(text)) if getattr(n, "name", "") == "__call__"]
    found = [n for call in calls for n in ast.walk(call) if _sets_an_attribute(n)]
    for node in sorted(found, key=end_of, reverse=True):
        text = without(text, node)
    return ("the constraint no longer changes its own attributes", text) if found else None


def without(text, node):
    """A source without a statement, which is `pass` where it is the only one."""
    lines = text.splitlines(keepends=True)
    shorter = "".join(lines[: node.lineno - 1] + lines[end_of(node)[0] :])
    try:
        ast.parse(shorter)
    except SyntaxError:
        return replaced(text, node, "pass")
    return shorter


def _sets_an_attribute(node):
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign):
        targets = [node.target]
    else:
        return False
    return any(isinstance(t, ast.Attribute) and ast.unparse(t.value) == "self" for t in targets)


def turned(text):
    """A straight-through estimator that is written the wrong way round, the right way round."""
    found = swapped(ast.parse(text))
    if found is None:
        return None
    node, new = found
    sentence = "the sum has the value of the step, and the gradient of what that is taken of"
    return sentence, replaced(text, node, new)


def with_a_gradient(text):
    """`sign`, `round` and the like with the gradient of what they take; no `stop_gradient`."""
    calls = method_calls(text)
    stopped = [node for node in calls if node.func.attr == "stop_gradient"]
    steps = [node for node in calls if _stepped(node) is not None]
    # Both together are an estimator that passes the gradient through already.
    if bool(stopped) == bool(steps):
        return None
    node = max(stopped or steps, key=lambda one: (one.lineno, one.col_offset))
    taken = node.args[0] if stopped else _stepped(node)
    own, module, inner = (ast.unparse(part) for part in (node, node.func.value, taken))
    if stopped:
        return "no stop_gradient", replaced(text, node, f"({inner})")
    new = f"({inner} + {module}.stop_gradient({own} - {inner}))"
    sentence = f"{node.func.attr} passes the gradient through, as if it were not there"
    return sentence, replaced(text, node, new)


_STEPS = ("sign", "round", "floor", "ceil", "clip")


def _stepped(node: Any) -> Any:
    """What a step is taken of: that of `sign` and the like, or of a choice between two numbers.

    So is a `one_hot` of the largest along the last axis.
    """
    if node.func.attr in _STEPS:
        return node.args[0]
    if node.func.attr == "one_hot":
        return _largest_of(node.args[0])
    if (
        node.func.attr != "where"
        or len(node.args) != 3
        or not isinstance(node.args[0], ast.Compare)
    ):
        return None
    are_numbers = [numbers_of(choice) is not None for choice in node.args[1:]]
    compared = node.args[0].left
    return compared if all(are_numbers) and numbers_of(compared) is None else None


def _largest_of(node: Any) -> Any:
    """What an `argmax` along the last axis is taken of; None of anything else."""
    if not isinstance(node, ast.Call) or getattr(node.func, "attr", "") != "argmax":
        return None
    axes = [*node.args[1:2], *(one.value for one in node.keywords if one.arg == "axis")]
    return node.args[0] if node.args and [numbers_of(one) for one in axes] == [[-1]] else None


def method_calls(text) -> list[Any]:
    """The calls of methods that take something."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [node for node in calls if isinstance(node.func, ast.Attribute) and node.args]


def replaced(text, node, new):
    """A source with another text in the place of a node."""
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    last, end = end_of(node)
    first = node.lineno - 1
    before, after = lines[first][: node.col_offset], lines[last - 1][end:]
    lines[first:last] = [before + new.encode() + after]
    return b"".join(lines).decode()


def all_replaced(text, pairs):
    """A source with other texts in the places of several nodes."""
    for node, new in sorted(pairs, key=lambda pair: end_of(pair[0]), reverse=True):
        text = replaced(text, node, new)
    return text


def with_argument(text: str, name: str, value: str, is_meant: Callable[[Any], bool]) -> str | None:
    """A source in which the calls of methods that are meant get an argument they lack, or None."""
    calls = [
        node for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and is_meant(node)
        and not any(word.arg == name for word in node.keywords)
    ]  # fmt: skip
    if not calls:
        return None
    lines = text.splitlines(keepends=True)
    for node in sorted(calls, key=end_of, reverse=True):
        last, end = end_of(node)
        # Offsets of the syntax tree count bytes.
        raw = lines[last - 1].encode()
        lines[last - 1] = raw[: end - 1].decode() + f", {name}={value}" + raw[end - 1 :].decode()
    return "".join(lines)


def end_of(node):
    return node.end_lineno or 0, node.end_col_offset or 0


def without_item_assignment(text):
    """`w[i] = v` and `w[mask] = v`, which not every backend has, as new tensors."""
    function, _ = called_of(text)
    nodes = [] if function is None else list(ast.walk(function))
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
    for node, new in sorted(found, key=lambda pair: end_of(pair[0]), reverse=True):
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
