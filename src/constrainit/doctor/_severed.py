"""Where the user's own code cuts a gradient off: the first operation that has no derivative."""

import ast
import inspect
import re
from dataclasses import dataclass, replace
from typing import Any

import keras

from constrainit.doctor._code import (
    Code,
    code_of,
    is_of_library,
    kind_of_layer,
    lambda_of,
    of_self,
)
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._frames import Cut
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import is_custom, own_function, runs_own_code
from constrainit.doctor._straight import WRONG_WAY, swapped

_STEPS = frozenset((
    "sign", "round", "floor", "ceil", "trunc", "argmax", "argmin", "argsort", "heaviside",
    "floor_divide", "searchsorted", "digitize", "one_hot", "less", "less_equal", "greater",
    "greater_equal", "equal", "not_equal", "stop_gradient", "convert_to_numpy", "detach", "numpy",
    "item", "int", "bool",
))  # fmt: skip
"""Functions and methods whose results have no derivative, or zero wherever they have one."""

FLAT = frozenset((
    "clip", "clip_by_value", "clamp", "minimum", "maximum", "relu", "relu6", "hard_sigmoid",
    "hard_tanh", "hard_shrink", "soft_shrink",
))  # fmt: skip
"""Those that have none beyond a bound."""

_SNAKE = re.compile(r"(?<=[a-z])(?=[A-Z])")

_OF_SHAPE = frozenset(("shape", "dtype", "ndim", "size", "len"))
_FLAGS = frozenset(("training", "mask"))
_WHOLE = ("int", "uint", "bool")
_DEEP = 3
"""How far calls are followed into other functions of the user's own."""


def severed(problem: Problem, evidence: Evidence) -> dict[str, Cut]:
    """The operations that cut gradients off, as the code of the user's own is written.

    Returns:
        For a weight by its path, for what enters a layer by its name, and for the predictions by
        an empty string. What is not there was not located.
    """
    never = [gradient.record for gradient in evidence.gradients if gradient.never]
    if not never or evidence.fault_step is not None:
        return {}
    layers = problem.model._flatten_layers()
    found: dict[str, Cut | None] = {}
    for record in never:
        found[record.path] = _of_weight(record, layers) or _in_graph(record, layers)
    for entry in evidence.entries:
        if entry.leaves and not entry.gradient:
            own = [one for one in layers if one.name == entry.layer and runs_own_code(one)]
            found[entry.layer] = next(filter(None, map(_of_inputs, own)), None)
    found[""] = next(filter(None, map(cut_of_predictions, problem.losses())), None)
    return {name: cut for name, cut in found.items() if cut is not None}


def _of_weight(record, layers):
    """The line behind a weight, or behind its layer, in a class that holds one of them."""
    for layer in [one for one in layers if is_custom(one)]:
        held = (record.variable, record.layer)
        names = {name for name, value in vars(layer).items() if _holds(value, held)}
        names |= {name.lstrip("_") for name in names}
        found = _in_method(kind_of_layer(layer), "call", names, False) if names else None
        if found is not None:
            return found
    return _in_function(getattr(record.layer, "activation", None), 0)


def _in_graph(record, layers):
    """The nearest operation without a derivative behind a layer, in the graph of a model."""
    graphs = [getattr(one, "_functional", None) or one for one in layers]
    known = list(dict.fromkeys(one for g in graphs for one in getattr(g, "operations", ())))
    made = {one: isinstance(one, keras.layers.Layer) for one in known}
    # Of models within models the innermost comes first.
    behind = [one for one in known if made[one] and record.layer in one._flatten_layers()][::-1]
    for one in behind:
        name = _SNAKE.sub("_", type(one).__name__).lower()
        if not made[one] and (name in _STEPS or _casts_to_whole(one)):
            return Cut(name, None)
        inside = _where_it_enters(one, behind) if made[one] and is_custom(one) else None
        if inside is not None:
            return inside
        after = dict.fromkeys(node.operation for node in one._outbound_nodes)
        behind += [other for other in after if other in made and other not in behind]
    return None


def _where_it_enters(layer, before):
    """The line in the code of a layer behind those of its several inputs that come from some."""
    node = next(iter(layer._inbound_nodes), None)
    given = [] if node is None else list(node.arguments.args)
    whole = len(given) == 1 and isinstance(given[0], (list, tuple))
    parts = list(given[0]) if whole else given
    own = [getattr(getattr(one, "_keras_history", None), "operation", None) in before
           for one in parts]  # fmt: skip
    if all(own):
        return None
    found = _in_method(kind_of_layer(layer), "call", (), own, whole=whole)
    return found and replace(found, layer=layer.name)


def _casts_to_whole(operation):
    return str(getattr(operation, "dtype", "")).startswith(_WHOLE)


def _holds(value, held):
    """Whether an attribute is one of some objects, or a list with one of them."""
    parts = value if isinstance(value, (list, tuple)) else [value]
    return any(part is one for part in parts for one in held)


def _of_inputs(layer):
    found = _in_method(kind_of_layer(layer), "call", frozenset(), True)
    return found or _in_function(own_function(layer), 0)


def cut_of_predictions(loss: Any) -> Cut | None:
    """The line of a loss of the user's own behind its second argument."""
    loss = getattr(loss, "fn", loss)
    found = _in_function(loss, 1)
    return found or _in_method(type(loss), "call", frozenset(), True, first=2)


def _in_function(one, argument):
    if not inspect.isfunction(one) or is_of_library(one.__module__):
        return None
    code = _code_of_function(one)
    if code is None or isinstance(code.tree, ast.ClassDef):
        return None
    names = [given.arg for given in code.tree.args.args[argument : argument + 1]]
    return _Flow(code, one.__globals__, frozenset()).first(code.tree, set(names))


def _code_of_function(one):
    return lambda_of(one) if one.__name__ == "<lambda>" else code_of(one)


def _in_method(kind, name, attributes, inputs, first=1, whole=False):
    """The line in a method of a class, from attributes of `self` or from its arguments on.

    Of several inputs only those are followed for which `inputs` says so; they may come as a whole,
    which the method takes apart by an assignment.
    """
    owner = next((one for one in kind.__mro__ if name in vars(one)), None)
    if owner is None or is_of_library(owner.__module__):
        return None
    code = code_of(owner)
    methods = [] if code is None else _functions(code, name)
    if code is None or not methods:
        return None
    module = inspect.getmodule(owner)
    flow = _Flow(code, {} if module is None else vars(module), frozenset(attributes))
    arguments = methods[0].args.args[first:]
    if isinstance(inputs, list):
        given = _taken_apart(methods[0], arguments, inputs) if whole else _at(arguments, inputs)
        return flow.first(methods[0], given) if given else None
    given = {one.arg for one in arguments} if inputs else set()
    return flow.first(methods[0], given - _FLAGS)


def _taken_apart(method, arguments, chosen):
    """The names that some parts of the first argument get where all of it is assigned to names."""
    for node in ast.walk(method):
        value, target = getattr(node, "value", None), getattr(node, "targets", [None])[0]
        whole = isinstance(value, ast.Name) and arguments and value.id == arguments[0].arg
        if whole and isinstance(target, (ast.Tuple, ast.List)):
            pairs = zip(target.elts, chosen, strict=False)
            return {one.id for one, own in pairs if own and isinstance(one, ast.Name)}
    return set()


def _functions(code, name):
    return [n for n in code.nodes if isinstance(n, ast.FunctionDef) and n.name == name]


@dataclass(frozen=True)
class _Flow:
    """What carries a gradient in a piece of code: attributes of `self`, and names made of them."""

    code: Code
    known: Any
    attributes: frozenset[str]
    depth: int = 0

    def first(self, function: Any, names: set[str]) -> Cut | None:
        """The first place at which something that carries a gradient enters what cuts it off."""
        names = self._spread(function, set(names))
        turned = swapped(function)
        if turned is not None and any(self._carries(one, names) for one in ast.walk(turned[0])):
            return Cut(WRONG_WAY, self.code.line_at(turned[0], getattr(function, "name", "")))
        placed: list[Any] = [node for node in ast.walk(function) if hasattr(node, "lineno")]
        nodes = sorted(placed, key=lambda node: (node.lineno, node.col_offset))
        for cuts in (_cuts, _is_flat):
            for node in nodes:
                if cuts(node) and any(self._carries(part, names) for part in _taken(node)):
                    name = getattr(function, "name", "<lambda>")
                    return Cut(_said(node), self.code.line_at(node, name))
            inside = [found for node in nodes if (found := self._inside(node, names))]
            if inside:
                return inside[0]
        return None

    def _spread(self, function, names):
        """The names that are made of what carries a gradient, through all assignments."""
        before = -1
        while before != len(names):
            before = len(names)
            for node in ast.walk(function):
                value = getattr(node, "value", None)
                if not isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.NamedExpr)):
                    continue
                if value is None or not self._carries(value, names):
                    continue
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    names |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
        return names

    def _carries(self, node, names):
        if _cuts(node) or (isinstance(node, ast.Attribute) and node.attr in _OF_SHAPE):
            return False
        if isinstance(node, ast.Name):
            return node.id in names
        if of_self(node):
            return of_self(node) in self.attributes
        if isinstance(node, ast.Call) and _called(node) in _OF_SHAPE:
            return False
        return any(self._carries(part, names) for part in ast.iter_child_nodes(node))

    def _inside(self, node, names):
        """The line in a function of the user's own, or a method, that is called with it."""
        if not isinstance(node, ast.Call) or self.depth >= _DEEP:
            return None
        method, given = of_self(node.func), [self._carries(one, names) for one in node.args]
        if method:
            own = _functions(self.code, method)
            deeper = _Flow(self.code, self.known, self.attributes, self.depth + 1)
            return deeper.first(own[0], _at(own[0].args.args[1:], given)) if own else None
        function = self.known.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if not any(given) or not inspect.isfunction(function):
            return None
        code = None if is_of_library(function.__module__) else _code_of_function(function)
        if code is None or isinstance(code.tree, ast.ClassDef):
            return None
        deeper = _Flow(code, function.__globals__, frozenset(), self.depth + 1)
        return deeper.first(code.tree, _at(code.tree.args.args, given))


def _at(arguments, given):
    return {one.arg for one, carries in zip(arguments, given, strict=False) if carries}


def _called(node):
    """The name of the function or method that is called, without its module."""
    return getattr(node.func, "attr", "") or getattr(node.func, "id", "")


def _said(node):
    """What cuts a gradient off, in a word."""
    return _called(node) if isinstance(node, ast.Call) else "a comparison"


def _cuts(node):
    """Whether the results of a part of the code carry no gradient of what it takes."""
    if isinstance(node, ast.Compare):
        return not all(isinstance(one, (ast.Is, ast.IsNot, ast.In, ast.NotIn)) for one in node.ops)
    if not isinstance(node, ast.Call):
        return False
    return _called(node) in _STEPS or (_called(node) in ("cast", "astype") and _is_whole(node))


def _is_flat(node):
    return isinstance(node, ast.Call) and _called(node) in FLAT


def _is_whole(node):
    """Whether a cast is one to whole numbers."""
    given = [*node.args, *(word.value for word in node.keywords)]
    texts = [one.value for one in given if isinstance(one, ast.Constant)]
    return any(isinstance(text, str) and text.startswith(_WHOLE) for text in texts)


def _taken(node):
    """What goes into a part of the code, such as the tensor whose method is called."""
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    return [*node.args, *(word.value for word in node.keywords), node.func]
