"""A remedy for layers that a `call` makes anew each time: the constructor makes them once."""

import ast
import builtins
import inspect
import re
from typing import Any

import keras

from constrainit.doctor._code import kind_of_layer
from constrainit.doctor._recording import is_custom
from constrainit.doctor._state import take_in
from constrainit.doctor.treatments._edits import all_replaced
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._rewriting import become, rewritten, scope_of

_TURNS = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)


def made_in_init(problem, evidence, found):
    """The classes of layers that make layers in `call`, with a constructor that makes them."""
    names = {finding.layer for finding in found}
    layers = problem.model._flatten_layers()
    kinds = {kind_of_layer(one) for one in layers if one.name in names and is_custom(one)}
    sentences, diffs = [], []
    for kind in sorted(kinds, key=lambda one: one.__name__):
        edit = _Edit(kind)
        made = rewritten(kind, edit)
        if made is None:
            continue
        new, sentence, diff = made
        for layer in [one for one in layers if kind_of_layer(one) is kind]:
            become(layer, new)
            edit.give(layer)
        sentences.append(sentence)
        diffs.append(diff)
    if not sentences:
        return None
    # The new layers get their weights before a step is compiled.
    problem.model(problem.x, training=False)
    return Changed("; ".join(sentences), with_other(problem), diff="\n".join(diffs))


class _Edit:
    """An edit: the layers that the `call` of a class makes become attributes of its objects.

    Those whose arguments `call` computes, or that are made in each turn of a loop, stay.

    Attributes:
        made: The expression of each new attribute.
    """

    def __init__(self, kind: Any):
        self.scope: dict[str, Any] = scope_of(kind)
        self.made: dict[str, str] = {}

    def __call__(self, text):
        owner = next((n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ClassDef)), None)
        methods = [] if owner is None else owner.body
        functions = {n.name: n for n in methods if isinstance(n, ast.FunctionDef)}
        call = functions.get("call")
        calls = [] if call is None else self._constructions(call)
        if not calls:
            return None
        taken, pairs = set(re.findall(r"\bself\.(\w+)", text)), []
        for node in calls:
            segment = ast.get_source_segment(text, node) or ""
            expression = segment if segment and "\n" not in segment else ast.unparse(node)
            name = _free(_snake(ast.unparse(node.func).rsplit(".", 1)[-1]), taken)
            taken.add(name)
            self.made[name] = expression
            pairs.append((node, f"self.{name}"))
        sentence = f"{', '.join(self.made)} made once, in __init__"
        return sentence, _with_lines(all_replaced(text, pairs), functions, self.made)

    def give(self, layer: Any) -> None:
        """Gives a layer the attributes, as its constructor would have."""
        for name, expression in self.made.items():
            inner = eval(expression, {**self.scope, "self": layer})
            take_in(layer, inner)
            vars(layer)[name] = inner

    def _constructions(self, call):
        """The outermost calls in a method that make a layer, of what is known outside of it."""
        own = {one.arg for one in ast.walk(call.args) if isinstance(one, ast.arg)} - {"self"}
        own |= {
            one.id for one in ast.walk(call)
            if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)
        }  # fmt: skip
        found: list[Any] = []

        def visit(node):
            if isinstance(node, _TURNS):
                return
            if isinstance(node, ast.Call) and self._is_layer(node.func):
                used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
                if not used & own:
                    found.append(node)
                    return
            for inner in ast.iter_child_nodes(node):
                visit(inner)

        for statement in call.body:
            visit(statement)
        return found

    def _is_layer(self, node):
        """Whether an expression is the class of a layer."""
        parts = ast.unparse(node).split(".")
        value = self.scope.get(parts[0], getattr(builtins, parts[0], None))
        for part in parts[1:]:
            value = getattr(value, part, None)
        return inspect.isclass(value) and issubclass(value, keras.layers.Layer)


def _with_lines(text, functions, made):
    """A class whose constructor ends with these attributes; a new one where it has none."""
    lines = text.splitlines(keepends=True)
    new = [f"self.{name} = {expression}\n" for name, expression in made.items()]
    init, call = functions.get("__init__"), functions["call"]
    if init is not None:
        indent, at = " " * init.body[-1].col_offset, init.end_lineno
        return "".join([*lines[:at], *(indent + line for line in new), *lines[at:]])
    first = min([call.lineno, *(one.lineno for one in call.decorator_list)]) - 1
    indent = " " * call.col_offset
    head = ["def __init__(self, **kwargs):\n", "    super().__init__(**kwargs)\n"]
    body = [*head, *(f"    {line}" for line in new)]
    return "".join([*lines[:first], *(indent + line for line in body), "\n", *lines[first:]])


def _snake(name):
    """`BatchNormalization` as `batch_normalization`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _free(name, taken):
    """A name, with a number behind it where it is taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
