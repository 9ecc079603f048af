"""A remedy for recurrences whose signal grows from step to step."""

import keras

from constrainit.doctor._enlarging import feeds_back_without_bound
from constrainit.doctor.treatments._edit_skew import made_skew
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._written import layer_code
from constrainit.doctor.treatments.source import edited_layer


def bounded_recurrence(problem, evidence, found):
    """A hyperbolic tangent in recurrences whose activation has no upper end."""
    changed = {}
    # Of several the rule names the first: the others are no better.
    for layer in problem.model._flatten_layers() if _is_fed_back(problem, found) else ():
        cell = getattr(layer, "cell", None)
        if feeds_back_without_bound(cell):
            vars(cell)["activation"] = keras.activations.tanh
            usual = f'keras.layers.{type(layer).__name__}(..., activation="tanh")'
            changed[layer.name] = layer_code(layer, usual, ("activation",))
    if not changed:
        return None
    return Changed(
        f"a hyperbolic tangent in {', '.join(changed)}",
        with_other(problem),
        "\n".join(dict.fromkeys(changed.values())),
    )


def skew(problem, evidence, found):
    """The class of a layer whose Cayley transform gets a matrix less its transpose."""
    made = evidence.not_skew
    return None if made is None else edited_layer(problem, [made.layer.name], made_skew)


def _is_fed_back(problem, found):
    names = {finding.layer for finding in found}
    layers = [one for one in problem.model._flatten_layers() if one.name in names]
    return any(feeds_back_without_bound(getattr(one, "cell", None)) for one in layers)
