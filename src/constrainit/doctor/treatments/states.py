"""A remedy for states that start at zero, where a power iteration never leaves it."""

import keras
from keras import ops

from constrainit._words import listed
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._pastes import assigned
from constrainit.doctor.treatments._remedy import Changed
from constrainit.model import WeightRecord, walk


def drawn_states(problem, evidence, found):
    """Weights of zeros that no gradient trains, from which a divisor is computed, at random.

    A vector that is only multiplied and normalized stays zero for ever, and so does the norm that
    is estimated by it. All of the same name in layers of the same class are drawn.
    """
    operation = evidence.operation
    if operation is None or operation.name not in ("divide", "sqrt", "rsqrt"):
        return None
    paths = {path for one in operation.operands for path in one.weights}
    zeros = [record for record in walk(problem.model) if _is_at_zero(record)]
    kinds = {(type(r.layer), r.variable.name) for r in zeros if r.path in paths}
    chosen = [r for r in zeros if (type(r.layer), r.variable.name) in kinds]
    if not any(len(to_numpy(record.variable).ravel()) > 1 for record in chosen):
        return None
    starts = []
    for index, record in enumerate(chosen):
        seed = problem.seed + index
        draw = keras.initializers.RandomNormal(stddev=1.0, seed=seed)
        record.assign(ops.cast(draw(record.shape, record.dtype), record.dtype))
        starts.append((record, f"keras.initializers.RandomNormal(stddev=1.0, seed={seed})"))
    named = listed([record.path for record in chosen])
    return Changed(
        f"{named} drawn at random in place of zeros, of which the divisor is computed",
        code=assigned(problem, starts),
    )


def _is_at_zero(record: WeightRecord) -> bool:
    variable = record.variable
    whole = keras.backend.standardize_dtype(variable.dtype).startswith(("int", "uint", "bool"))
    if variable.trainable or whole or len(record.shape) < 1 or not is_custom(record.layer):
        return False
    return not to_numpy(variable).any()
