"""Edits of lines of the user's own code: of softmaxes, and what exp, clip and the like take."""

import ast

from constrainit.doctor.treatments._edit_losses import as_operand
from constrainit.doctor.treatments._edits import all_replaced, method_calls


def softmax_along_time(line_text):
    """An edit: on a line, a softmax along the last axis runs along the one before it."""

    def edit(text):
        nodes = _softmaxes(text, line_text)
        parts = [(one, ast.unparse(one.func.value), ast.unparse(one.args[0])) for one in nodes]
        new = all_replaced(text, [(n, f"{ops}.softmax({own}, axis=-2)") for n, ops, own in parts])
        return ("the softmax runs along the axis before the last", new) if nodes else None

    return edit


def scaled_softmax(line_text, scale):
    """An edit: on a line, what a softmax is given is multiplied by a number."""

    def edit(text):
        taken = [one.args[0] for one in _softmaxes(text, line_text)]
        new = all_replaced(text, [(one, f"{as_operand(one)} * {scale:g}") for one in taken])
        said = f"what the softmax is given is multiplied by {scale:g}, to deviate by about one"
        return (said, new) if taken else None

    return edit


def scaled_exponential(line_text, scale):
    """An edit: on a line, what an exponential is taken of is multiplied by a number."""

    def edit(text):
        taken = [one.args[0] for one in _softmaxes(text, line_text, "exp")]
        new = all_replaced(text, [(one, f"{scale:g} * {as_operand(one)}") for one in taken])
        return (f"the exponents are multiplied by {scale:g}", new) if taken else None

    return edit


def scaled_window(line_text, name, scale):
    """An edit: on a line, what a clip or the like is given is multiplied by a number."""

    def edit(text):
        taken = [one.args[0] for one in _softmaxes(text, line_text, name) if one.args]
        new = all_replaced(text, [(one, f"{scale:g} * {as_operand(one)}") for one in taken])
        return (f"what the {name} is given is multiplied by {scale:g}", new) if taken else None

    return edit


def _softmaxes(text, line_text, name="softmax"):
    """The calls of methods and functions of modules by a name that begin on a line."""
    lines = text.splitlines()
    return [
        node
        for node in method_calls(text)
        if node.func.attr == name and lines[node.lineno - 1].strip() == line_text
    ]
