"""Remedies for arrays that no file holds: weights that no step trains."""

import keras
import numpy as np
from keras import ops

from constrainit.doctor._code import EDITED, kind_of_layer
from constrainit.doctor._drawn_anew import is_array, made_again
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
