"""Remedies for arrays that no file holds: weights that no step trains."""

import keras
import numpy as np
from keras import ops

from constrainit.doctor._code import EDITED, kind_of_layer
from constrainit.doctor._drawn_anew import is_array, made_again
from constrainit.doctor._randomness import undisturbed
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._at_each_call import as_weights
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._rewriting import rewritten


def as_weights_of_their_layers(problem, evidence, found):
    """The classes of layers with weights in place of arrays that are drawn anew after loading.

    It is done only where a layer that is made by the edited class and loaded has the same arrays.
    """
    changes, diffs, kinds = [], [], {}
    for made in evidence.drawn_anew:
        kind = kind_of_layer(made.layer)
        if not all(map(is_array, made.values.values())):
            continue
        if kind not in kinds:
            kinds[kind] = rewritten(kind, as_weights(made.values))
            if kinds[kind] is not None:
                _, sentence, diff = kinds[kind]
                changes.append(sentence)
                diffs.append(diff)
        if kinds[kind] is not None and not _stored(made, kinds[kind][0]):
            return None
    if not changes:
        return None
    return Changed("; ".join(changes), with_other(problem), diff="\n".join(diffs))


def _stored(made, kind):
    """Gives a layer the weights that one of an edited class has; whether they come back."""
    layer = made.layer
    own = made_again(layer, kind, load=False)
    for place, variable in enumerate(own._non_trainable_variables):
        name = next((n for n in made.values if vars(own).get(n) is variable), None)
        if name is not None:
            value = ops.cast(made.values[name], variable.dtype)
            weight = keras.Variable(value, trainable=False, dtype=variable.dtype, name=name)
            # Not through the layer, which takes no more weights once it is built.
            list.insert(layer._non_trainable_variables, place, weight)
            vars(layer)[name] = weight
    vars(layer)[EDITED] = kind
    again = vars(made_again(layer))
    return all(
        isinstance(again[n], keras.Variable) and np.array_equal(to_numpy(again[n]), _values(v))
        for n, v in made.values.items()
    )


def _values(array):
    return to_numpy(ops.convert_to_tensor(array))


def as_states_of_their_layers(problem, evidence, found):
    """Weights that a call assigns what it computes of others are no longer trained."""
    paths = {finding.weight for finding in found}
    records = [r for r in evidence.assigned if r.path in paths]
    # One of a single unit may always be the same.
    states = {_kind(r) for r in records if _is_state(problem, r)}
    records = [r for r in records if _kind(r) in states]
    # Where a step raises, it does so for what is not trained, too.
    if evidence.faults or not records:
        return None
    for record in records:
        record.variable.trainable = False
    lines = [
        f"self.{r.variable.name} = self.add_weight(..., trainable=False)"
        f"  # in build of {type(r.layer).__name__}"
        for r in records
    ]
    return Changed(
        f"{', '.join(r.path for r in records)} not trained",
        with_other(problem),
        "\n".join(dict.fromkeys(lines)),
    )


def _kind(record):
    return type(record.layer), record.variable.name


def _is_state(problem, record):
    """Whether what a call assigns to a weight changes with other weights to train."""
    others = [v for v in problem.trainable if v is not record.variable]
    moved = [(v, ops.cast(1.5 * ops.convert_to_tensor(v) + 0.1, v.dtype)) for v in others]
    first, second = (_assigned(problem, record, mapping) for mapping in ([], moved))
    return not np.allclose(first, second)


def _assigned(problem, record, mapping):
    with undisturbed(), keras.StatelessScope(state_mapping=mapping) as scope:
        problem.model(problem.x, training=True)
    return to_numpy(scope.get_current_value(record.variable))
