"""A remedy for what runs along the examples of a batch: it runs along another axis."""

import ast

from constrainit.doctor._problem import Problem
from constrainit.doctor.treatments._edits import all_replaced, method_calls
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._written import layer_code
from constrainit.doctor.treatments.source import edited_layer

_SHARED = ("softmax", "log_softmax", "normalize", "cumsum", "cumprod", "layer_normalization")
"""Give as many numbers as they take, whatever axis they run along."""

_REDUCED = ("sum", "mean", "max", "min", "amax", "amin", "norm", "std", "var", "logsumexp")
_AXES = ("axis", "dim")
_KEEPS = ("keepdims", "keepdim")


def along(axis):
    """A remedy: the layer that mixes examples with its first axis as another one."""

    def apply(problem: Problem, evidence, found) -> Changed | None:
        names = [finding.layer for finding in found]
        for layer in problem.model._flatten_layers():
            if layer.name in names and vars(layer).get("axis") == 0:
                vars(layer)["axis"] = axis
                usual = f"keras.layers.{type(layer).__name__}(..., axis={axis})"
                code = layer_code(layer, usual, axis=axis)
                return Changed(f"{layer.name} runs along axis {axis}", with_other(problem), code)
        return edited_layer(problem, names, along_an_axis(axis))

    return apply


def shares_along(axis):
    """A remedy: softmaxes and sums along the first axis of what gives shares run along another."""

    def apply(problem: Problem, evidence, found) -> Changed | None:
        made = evidence.sums_of_shares
        if made is None or not made.layer:
            return None
        return edited_layer(problem, [made.layer], along_an_axis(axis, "the first axis"))

    return apply


def along_an_axis(axis, first="the examples"):
    """An edit: softmaxes, sums and norms along the first axis run along another one.

    What leaves that axis out keeps it, to be put together with what it was taken of.
    """

    def edit(text):
        found, bare = [], []
        for node in method_calls(text):
            words = {word.arg: word.value for word in node.keywords}
            own = next((words[name] for name in _AXES if name in words), None)
            if own is None and len(node.args) == 2:
                own = node.args[1]
            if node.func.attr not in (*_SHARED, *_REDUCED) or not _is_zero(own):
                continue
            found.append(own)
            if node.func.attr in _REDUCED and not any(name in words for name in _KEEPS):
                bare.append(own)
        if not found:
            return None
        pairs = [(one, f"{axis}, keepdims=True" if one in bare else str(axis)) for one in found]
        return f"it runs along axis {axis}, and not along {first}", all_replaced(text, pairs)

    return edit


def _is_zero(node):
    return isinstance(node, ast.Constant) and node.value == 0 and node.value is not False
