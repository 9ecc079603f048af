"""A remedy for weights that do not learn: without the `stop_gradient` that keeps them from it."""

import ast

from constrainit.doctor.treatments._edits import all_replaced, method_calls
from constrainit.doctor.treatments.source import edited_layer


def let_through(problem, evidence, found):
    """The class of a layer without `stop_gradient` on the line with which less is learnt."""
    made = evidence.uncut
    if made is None:
        return None
    layers = [one.name for one in problem.model._flatten_layers(include_self=False)]
    own = [record.layer.name for record in made.records]
    return edited_layer(problem, [*own, *layers], without_stop(made.source.text))


def without_stop(line_text):
    """An edit: on a line, what `stop_gradient` is given stands in its place."""

    def edit(text):
        lines = text.splitlines()
        calls = [
            node for node in method_calls(text)
            if node.func.attr == "stop_gradient" and len(node.args) == 1
            and lines[node.lineno - 1].strip() == line_text
        ]  # fmt: skip
        pairs = [(node, _as_operand(node.args[0])) for node in calls]
        said = "without stop_gradient, the gradient gets through"
        return (said, all_replaced(text, pairs)) if pairs else None

    return edit


def _as_operand(node):
    plain = isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript))
    return ast.unparse(node) if plain else f"({ast.unparse(node)})"
