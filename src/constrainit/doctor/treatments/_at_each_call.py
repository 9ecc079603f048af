"""Edits of the source of a layer: what belongs to one call is computed there, and kept there."""

import ast
from typing import Any

from constrainit.doctor.rules.cw706_state_not_saved import made_weight
from constrainit.doctor.treatments._edits import end_of, replaced, without


def computed_in_call(name):
    """An edit: what `build` keeps as `self.name`, computed from attributes, `call` computes.

    None where that is not plain to see: other methods use it, too, or it takes more than what is
    at hand in `call`.
    """

    def edit(text):
        nodes: list[Any] = list(ast.walk(ast.parse(text)))
        methods = [n for n in nodes if isinstance(n, ast.FunctionDef)]
        made: list[Any] = [(m, n) for m in methods for n in ast.walk(m) if _sets(n, name)]
        called = [m for m in methods if m.name == "call"]
        taken = [n for n in nodes if _takes(n, name)]
        if len(made) != 1 or len(called) != 1 or not taken:
            return None
        (method, statement), call = made[0], called[0]
        inside = {id(n) for n in ast.walk(call)}
        if id(statement) in inside or any(id(n) not in inside for n in taken):
            return None
        if name in _names(call) or not _is_of_attributes(statement.value, method):
            return None
        for node in sorted(taken, key=end_of, reverse=True):
            text = replaced(text, node, name)
        return f"call computes {name}", _moved(text, statement, call, name)

    return edit


def tied_in_call(name, expression):
    """An edit: `call` takes what `self.name` is a copy of from the living weight.

    None where that is not plain to see: it is set at several places, or other methods use it, too.
    """

    def edit(text):
        nodes: list[Any] = list(ast.walk(ast.parse(text)))
        methods = [n for n in nodes if isinstance(n, ast.FunctionDef)]
        made = [n for n in nodes if _sets(n, name)]
        called = [m for m in methods if m.name == "call"]
        taken = [n for n in nodes if _takes(n, name)]
        if len(made) != 1 or len(called) != 1 or not taken:
            return None
        [statement], [call] = made, called
        inside = {id(n) for n in ast.walk(call)}
        if id(statement) in inside or any(id(n) not in inside for n in taken):
            return None
        if name in _names(call):
            return None
        for node in sorted(taken, key=end_of, reverse=True):
            text = replaced(text, node, name)
        return f"call takes {expression}", _moved(text, statement, call, name, expression)

    return edit


def kept_in_call(name):
    """An edit: what `call` gives the name `self.name` of a weight, it keeps in a local name.

    None where that is not plain to see, as it is set on a condition.
    """

    def edit(text):
        nodes: list[Any] = list(ast.walk(ast.parse(text)))
        called = [n for n in nodes if isinstance(n, ast.FunctionDef) and n.name == "call"]
        made: list[Any] = [n for call in called for n in ast.walk(call) if _sets(n, name)]
        if not made or any(statement not in called[0].body for statement in made):
            return None
        local = name if name not in _names(called[0]) else f"{name}_now"
        first, targets = end_of(made[0])[0], [statement.targets[0] for statement in made]
        taken = [n for n in nodes if _takes(n, name) and called[0].lineno <= n.lineno]
        taken = [n for n in taken if first < n.lineno <= end_of(called[0])[0]]
        for node in sorted([*taken, *targets], key=end_of, reverse=True):
            text = replaced(text, node, local)
        return f"call keeps what it makes of self.{name} in a local name", text

    return edit


def as_weights(values):
    """An edit: arrays that are set outside of `call` are weights that no step trains.

    None where one is not set at just one place.

    Args:
        values: The arrays, by the attribute that each is.
    """

    def edit(text):
        nodes: list[Any] = list(ast.walk(ast.parse(text)))
        methods = [n for n in nodes if isinstance(n, ast.FunctionDef)]
        places = []
        for name in values:
            made: list[Any] = [(m, n) for m in methods for n in ast.walk(m) if _sets(n, name)]
            if len(made) != 1 or made[0][0].name == "call":
                return None
            places.append((*made[0], name))
        for method, node, name in sorted(places, key=lambda p: end_of(p[1]), reverse=True):
            local = name if name not in _names(method) else f"{name}_start"
            value = ast.get_source_segment(text, node.value) or ""
            indent = " " * node.col_offset
            size, start = f"{local}.shape", f"lambda *_, **__: {local}"
            weight = made_weight(name, values[name], size, start, indent)
            text = replaced(text, node, f"{local} = {value}\n{indent}self.{name} = {weight}")
        said = "a weight" if len(values) == 1 else "weights"
        return f"{' and '.join(values)} as {said} that no step trains", text

    return edit


def through_its_set(sum_text, name):
    """An edit: `call` computes with what the constraint of `self.name` makes of a sum."""

    def edit(text):
        nodes: list[Any] = list(ast.walk(ast.parse(text)))
        found = [n for n in nodes if isinstance(n, ast.BinOp) and ast.unparse(n) == sum_text]
        for node in sorted(found, key=end_of, reverse=True):
            text = replaced(text, node, f"self.{name}.constraint({sum_text})")
        return (f"the sum goes through the constraint of {name}", text) if found else None

    return edit


def _moved(text, statement, call, name, expression=""):
    """A source with a statement of a method in `call`, there for a local name.

    Args:
        text: The source.
        statement: The statement.
        call: The method.
        name: The local name.
        expression: Its value there, if it is not that of the statement.
    """
    first = call.body[1 if ast.get_docstring(call) and len(call.body) > 1 else 0]
    lines = text.splitlines(keepends=True)
    written = f"{name} = {expression or ast.unparse(statement.value)}\n"
    lines.insert(first.lineno - 1, " " * first.col_offset + written)
    # Written above the line that it was computed in, that one has moved.
    below = first.lineno <= statement.lineno
    return without("".join(lines), ast.increment_lineno(statement, below))


def _sets(node, name):
    """Whether a statement gives an attribute something, and not only a place."""
    if not isinstance(node, ast.Assign) or isinstance(node.value, ast.Constant):
        return False
    return len(node.targets) == 1 and ast.unparse(node.targets[0]) == f"self.{name}"


def _takes(node, name):
    is_one = isinstance(node, ast.Attribute) and ast.unparse(node) == f"self.{name}"
    return is_one and isinstance(node.ctx, ast.Load)


def _names(method):
    """The names that a method knows or uses."""
    nodes = list(ast.walk(method))
    names = {n.id for n in nodes if isinstance(n, ast.Name)}
    return names | {n.arg for n in nodes if isinstance(n, ast.arg)}


def _is_of_attributes(expression, method):
    """Whether an expression takes nothing but attributes and what every method knows."""
    nodes = list(ast.walk(method))
    own = {n.arg for n in nodes if isinstance(n, ast.arg)} - {"self"}
    own |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return not any(isinstance(n, ast.Name) and n.id in own for n in ast.walk(expression))
