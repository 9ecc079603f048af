"""Remedies that draw constrained kernels anew, of the size that fits their place in the model."""

import keras

from constrainit._calibrate import calibrate
from constrainit._words import listed
from constrainit.doctor._set_code import drawn_from
from constrainit.doctor.treatments._pastes import assigned, holder
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import named_by
from constrainit.initializers import Feasible
from constrainit.layers import OutputScale
from constrainit.model import constrained_records
from constrainit.sets import Custom


def of_the_right_size(problem, evidence, found):
    """Every constrained kernel drawn anew for its activation and depth, and fitted to the batch."""
    return _of_the_right_size(problem, _constrained_kernels(problem.model))


def named_of_the_right_size(problem, evidence, found):
    """The same for the kernels of the findings alone, where these are not all."""
    kernels, named = _constrained_kernels(problem.model), named_by(found, evidence)
    own = [record for record in kernels if record.path in named]
    return _of_the_right_size(problem, own) if 0 < len(own) < len(kernels) else None


def _constrained_kernels(model):
    """The kernels that are drawn from their sets, and trained."""
    return [
        record for record in constrained_records(model)
        if len(record.shape) > 1 and record.variable.trainable
        and not isinstance(record.resolved(record.constraint), Custom)
    ]  # fmt: skip


def _of_the_right_size(problem, kernels):
    records = constrained_records(problem.model)
    depth = sum(len(record.shape) > 1 for record in records) or 1
    paths, drawn = {record.path for record in kernels}, []
    for index, record in enumerate(records):
        if record.path not in paths:
            continue
        a_set = record.resolved(record.constraint)
        phi = getattr(record.layer, "activation", None)
        phi = phi.activation if isinstance(phi, OutputScale) else phi
        draw = Feasible(a_set, problem.seed + index, activation=phi, depth=depth)
        record.assign(draw.over(a_set, record.axes)(record.shape, record.dtype))
        named = "" if phi is None else f", activation={_named(problem, record, phi)}"
        drawn.append((record, drawn_from(a_set, f"{problem.seed + index}{named}, depth={depth}")))
    if not drawn:
        return None
    calibrate(problem.model, problem.x)
    which = "the constrained kernels are drawn for their"
    if len(drawn) < len(_constrained_kernels(problem.model)):
        of = "is drawn for its" if len(drawn) == 1 else "are drawn for their"
        which = f"{listed([record.path for record, _ in drawn])} {of}"
    return Changed(
        f"{which} activation and depth, and fitted to the batch",
        code=f"{assigned(problem, drawn)}\nci.calibrate(model, x)",
    )


def _named(problem, record, activation):
    """An activation by the name that Keras knows it by; else as that of its layer."""
    known = keras.activations.serialize(activation)
    if isinstance(known, str) and keras.activations.get(known) is activation:
        return repr(known)
    of_layer = f"{holder(problem, record)}.activation"
    return of_layer if record.layer.activation is activation else f"{of_layer}.activation"
