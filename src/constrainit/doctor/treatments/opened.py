"""Remedies for a layer that gives the same for every example: what holds it shut is opened."""

import keras
import numpy as np

from constrainit.doctor._masking import beyond, show_all
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._written import layer_code
from constrainit.doctor.treatments.starts import start_at


def scales_of_ones(problem, evidence, found):
    """Ones in place of the zeros of the scales of normalizations that get no gradient."""
    wanted, named, codes = {f.weight for f in found if f.weight}, [], []
    for made in evidence.gradients:
        record = made.record
        alike = record.variable.name in {path.split("/")[-1] for path in wanted}
        if not made.never or not alike or np.any(to_numpy(record.variable)):
            continue
        if record.path not in wanted and not _is_like(record, evidence, wanted):
            continue
        start_at(record, np.ones(record.shape))
        if not np.any(to_numpy(record.variable)):
            return None
        named.append(record.path)
        kind, name = type(record.layer).__name__, record.variable.name
        argument = f"{name}_initializer"
        otherwise = f'keras.layers.{kind}(..., {argument}="ones")'
        codes.append(layer_code(record.layer, otherwise, **{argument: "ones"}))
    code = "\n".join(dict.fromkeys(codes))
    return Changed(f"{', '.join(named[:3])} starts at one", code=code) if named else None


def biases_of_zero(problem, evidence, found):
    """Zeros in place of one number below zero, of vectors that the user's own layers start with.

    What is added in front of a `relu` shuts it so, as a threshold above all that comes.
    """
    layers, named, codes = {f.layer for f in found}, [], []
    for record in [made.record for made in evidence.gradients if made.never]:
        start = to_numpy(record.variable)
        own = is_custom(record.layer) and record.layer.name in layers
        if not own or len(record.shape) != 1 or np.ptp(start) or not start.max() < 0:
            continue
        start_at(record, np.zeros(record.shape))
        named.append(f"{record.path} starts at zero in place of {start[0]:g}")
        codes.append(
            f"# {record.variable.name} of {record.layer.name!r}\n"
            'self.add_weight(..., initializer="zeros")'
        )
    return Changed(", ".join(named[:3]), code="\n".join(codes)) if named else None


def _is_like(record, evidence, wanted):
    """Whether a layer is of the class of one whose weight is at fault."""
    kinds = {type(made.record.layer) for made in evidence.gradients if made.record.path in wanted}
    return type(record.layer) in kinds


def shown(problem, evidence, found):
    """A mask of a number that no step has, or none, in place of one that hides data."""
    hides = evidence.masked
    if hides is None:
        return None
    layer, kind = hides.layer, type(hides.layer).__name__
    show_all(problem.model, hides)
    if isinstance(layer, keras.layers.Embedding):
        change, usual = f"{layer.name} masks nothing", f"keras.layers.{kind}(..., mask_zero=False)"
    else:
        number = beyond(hides)
        change = f"{layer.name} masks {number:g}, which no step is"
        usual = f"keras.layers.{kind}(mask_value={number})"
    return Changed(change, with_other(problem), layer_code(layer, usual, ("mask_zero",)))


def masked(problem, evidence, found):
    """A mask of the zeros that sequences are padded with."""
    padded = evidence.padded
    if padded is None or padded.number != 0:
        return None
    table = padded.table
    # Keras asks the second one, which the layer has set from the first.
    vars(table)["mask_zero"] = vars(table)["_supports_masking"] = True
    return Changed(
        f"{table.name} masks the zeros",
        with_other(problem),
        layer_code(table, "keras.layers.Embedding(..., mask_zero=True)"),
    )
