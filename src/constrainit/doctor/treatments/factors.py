"""Remedies for weights of zeros that are each other's factor."""

import keras
import numpy as np
from keras import ops

from constrainit._words import listed
from constrainit.doctor._recording import is_custom
from constrainit.doctor._set_code import drawn_from, written
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor._use import is_zero
from constrainit.doctor.engines._result import WEIGHT_NUMBERS
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments._written import Written, layer_code
from constrainit.doctor.treatments.starts import from_its_set
from constrainit.model import walk

_GRADIENT = WEIGHT_NUMBERS.index("gradient")


def one_of_zeros(problem, evidence, found):
    """Of weights of zeros that keep the gradient from each other, one drawn at random.

    None where that would be all of them, or where there is only one.
    """
    paths = {finding.weight for finding in found}
    zeros = [
        (index, record) for index, record in enumerate(walk(problem.model))
        if record.path in paths and record.variable.trainable and is_zero(record)
    ]  # fmt: skip
    left, drawn, codes = list(zeros), [], []
    while left:
        index, record = left.pop(0)
        initializer = _random(record, problem.seed + index)
        record.assign(ops.cast(initializer(record.shape, record.dtype), record.dtype))
        drawn.append(record.path)
        codes.append(_code(record, initializer))
        reached = _reached(problem)
        left = [pair for pair in left if id(pair[1].variable) not in reached]
    if not 0 < len(drawn) < len(zeros):
        return None
    return Changed(
        f"{listed(drawn)} drawn at random, and the others left at zero",
        code="\n".join(dict.fromkeys(codes)),
    )


def _random(record, seed):
    """What Keras draws from by default, if the constraint of the weight leaves that as it is."""
    usual = keras.initializers.GlorotUniform(seed)
    draw = from_its_set(record, seed)
    if draw is None:
        return usual
    value = ops.cast(usual(record.shape, record.dtype), record.dtype)
    image = record.resolved(record.constraint).project(value)
    return usual if np.array_equal(to_numpy(image), to_numpy(value)) else draw


def _reached(problem):
    """The identities of the variables that get a gradient now."""
    # One of another remedy has no loss yet.
    problem.set_loss()
    stepped = problem.step(looking=False)
    norms = [float(ops.convert_to_numpy(weight)[_GRADIENT]) for weight in stepped.weights]
    pairs = zip(problem.trainable, norms, stepped.connected, strict=True)
    return {id(variable) for variable, norm, connected in pairs if connected and norm > 0}


def _code(record, initializer):
    """What to write in place of the zeros, with the name of the weight."""
    usual = isinstance(initializer, keras.initializers.GlorotUniform)
    layer = record.layer
    if is_custom(layer):
        drawn = '"glorot_uniform"' if usual else drawn_from(initializer.set)
        return (
            f"self.add_weight(name={record.variable.name!r}, ..., initializer={drawn})"
            f"  # in build of {type(layer).__name__}"
        )
    name, argument = f"keras.layers.{type(layer).__name__}", f"{record.argument}_initializer"
    if usual:
        otherwise = f'{name}(..., {argument}="glorot_uniform")'
        return layer_code(layer, otherwise, **{argument: "glorot_uniform"})
    otherwise = f"{name}(..., **ci.constrained({record.argument}={written(initializer.set)}))"
    return layer_code(layer, otherwise, **{argument: Written(drawn_from(initializer.set))})
