"""Remedies for constraints: one that runs, is attached, works along the right axes, is exact."""

import keras

from constrainit._set import ConstraintSet
from constrainit._words import listed
from constrainit.doctor._attached import is_constraint
from constrainit.doctor._constraint_calls import known_set
from constrainit.doctor._dropped import evaluated
from constrainit.doctor._set_code import written
from constrainit.doctor.treatments._above_zero import above_zero
from constrainit.doctor.treatments._meaning import meant_set, stretched_to
from constrainit.doctor.treatments._pastes import given, given_and_projected, told
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._shares import bounds_note
from constrainit.doctor.treatments._written import layer_code
from constrainit.doctor.treatments.axes import set_along
from constrainit.doctor.treatments.starts import may_be_of_weights, start_inside
from constrainit.model import walk, wrong_axes
from constrainit.sets import (
    Box,
    Custom,
    Grid,
    PositiveSemidefinite,
    SpectralNorm,
    SumTo,
    Symmetric,
    as_set,
)

_MARGIN = 1e-2
_NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
)
_NOTES = (
    (SumTo, "ci.Simplex where none of them is to be negative"),
    (SpectralNorm, "which leaves smaller weights alone"),
)
"""What is said besides of a set of this kind."""

_OF_DEFINITE = ("cholesky", "inverse", "solve", "logdet")


def run_call(problem, evidence, found):
    """The method `call`, which Keras never runs, as the constraint itself."""
    paths = set()
    for variable in problem.model.trainable_variables:
        own = type(variable.constraint).__dict__.get("call")
        if own is not None and "__call__" not in type(variable.constraint).__dict__:
            variable.constraint = variable.constraint.call
            paths.add(variable.path)
    started, code = start_inside(problem, evidence, paths)
    return Changed(f"the method `call` is run as `__call__`{started}", code=code.strip())


def attach(problem, evidence, found):
    """The constraint that the layer holds, on the weight."""
    sets, paths = {}, {finding.weight for finding in found}
    texts = {record.path: evaluated(record, text) for record, text in evidence.dropped}
    places = {record.path: place for record, _, place in evidence.misplaced}
    for record in walk(problem.model):
        held = getattr(record.layer, f"{record.argument}_constraint", None)
        held = texts.get(record.path) or held or _held_by(record, paths)
        if held is not None and record.constraint is None:
            record.variable.constraint = record.resolved(held)
            if record.path in places:
                _take_out(record, places[record.path])
            sets[record.path] = written(as_set(held))
    if not sets:
        return None
    started, code = start_inside(problem, evidence, set(sets))
    code = f"{given(problem, sets)}{code}"
    return Changed(f"the constraint is attached{started}", code=code)


def _held_by(record, paths):
    """A constraint among the attributes of the layer, for a weight that a finding names."""
    held = [*vars(record.layer).values(), getattr(record.variable, "regularizer", None)]
    return next(filter(is_constraint, held), None) if record.path in paths else None


def _take_out(record, place):
    """Puts what the layer would have had where it was given a constraint."""
    if "regularizer" in place:
        record.variable.regularizer = None
    if place == "activity_regularizer":
        record.layer.activity_regularizer = None
    if place == "activation":
        record.layer.activation = keras.activations.linear


def along_the_right_axes(problem, evidence, found):
    """The same set, along the axes that feed a unit."""
    sets, paths = {}, {finding.weight for finding in found}
    for record in walk(problem.model):
        if record.path in paths and wrong_axes(record) is not None:
            a_set = set_along(as_set(record.constraint), list(record.axes or ()))
            record.variable.constraint = a_set
            sets[record.path] = written(record.variable.constraint)
    if not sets:
        return None
    started, code = start_inside(problem, evidence, paths)
    code = f"{given(problem, sets)}{code}"
    return Changed(f"the axes of each unit{started}", code=code)


def inside_as_given(problem, evidence, found):
    """A start inside of a set of this library along the axes that it was given: they may be meant.

    Of others the axes are a default.
    """
    own = {r.path for r in walk(problem.model) if isinstance(r.constraint, ConstraintSet)}
    started, code = start_inside(problem, evidence, own & {finding.weight for finding in found})
    return Changed(started.removeprefix(", and "), code=code.strip()) if started else None


def along_an_axis_that_exists(problem, evidence, found):
    """The same set along the one axis of a vector, for which an axis beyond it was named."""
    sets, paths = {}, {finding.weight for finding in found}
    for record in walk(problem.model):
        if record.path not in paths or len(record.shape) != 1:
            continue
        a_set = as_set(record.constraint)
        arguments = {} if isinstance(a_set, Custom) else a_set._arguments()
        if "axis" in arguments:
            record.variable.constraint = type(a_set)(**{**arguments, "axis": [0]})
            sets[record.path] = written(record.variable.constraint)
    if not sets:
        return None
    started, code = start_inside(problem, evidence, paths)
    code = f"{given(problem, sets)}{code}"
    return Changed(f"the axis of a vector, {told(problem, sets)}{started}", code=code)


def off_scales_and_biases(problem, evidence, found):
    """No constraint on the scales of normalizations, which give a signal its size, nor on biases.

    A bias shifts what a unit gives; neither a monotone nor a convex model asks for its sign.
    """

    def is_meant(record):
        layer = record.layer
        is_scale = isinstance(layer, _NORMALIZATIONS) and record.variable is layer.gamma
        return is_scale or record.argument == "bias"

    return _without(problem, {finding.weight for finding in found}, is_meant)


def off_single_numbers(problem, evidence, found):
    """No constraint on weights of which it leaves the signs."""
    paths = {finding.weight for finding in found if "signs" in finding.evidence}
    return _without(problem, paths, lambda record: f"{record.argument}_constraint")


def _without(problem, paths, is_meant):
    named = {}
    for record in walk(problem.model):
        layer, variable = record.layer, record.variable
        if record.path not in paths or variable.constraint is None:
            continue
        if is_meant(record):
            variable.constraint = vars(layer)[f"{record.argument}_constraint"] = None
            usual = f"keras.layers.{type(layer).__name__}(...)  # no {record.argument}_constraint"
            named[record.path] = layer_code(layer, usual)
    if not named:
        return None
    return Changed(
        f"no constraint on {listed([*named])}",
        code="\n".join(dict.fromkeys(named.values())),
    )


def free_from_the_inputs(problem, evidence, found):
    """No constraint on kernels that the model's inputs come to: a convex model needs none there."""
    graph = getattr(problem.model, "_functional", None) or problem.model
    inputs, named = {id(one) for one in graph.inputs}, {}
    for record in walk(problem.model):
        nodes = record.layer._inbound_nodes
        fed = bool(nodes) and all(id(t) in inputs for node in nodes for t in node.input_tensors)
        if not fed or record.constraint is None or len(record.shape) < 2:
            continue
        record.variable.constraint = vars(record.layer)[f"{record.argument}_constraint"] = None
        named[record.path] = layer_code(
            record.layer,
            f"keras.layers.{type(record.layer).__name__}(...)  # no {record.argument}_constraint",
        )
    if not named:
        return None
    return Changed(
        f"no constraint on {listed([*named])}, which the inputs come to: a convex "
        "model stays so, and need not rise with each of them any more",
        with_other(problem),
        "\n".join(named.values()),
    )


def exact_set(problem, evidence, found):
    """The set that a constraint seems to mean, in its place, and a start inside."""
    sets, records = {}, {record.path: record for record in walk(problem.model)}
    notes = []
    rounds = {f.weight for f in found if f.code == "CW212" and "pulled" not in f.evidence}
    for path in dict.fromkeys(finding.weight for finding in found):
        record = records.get(path)
        repeat = max((m.repeat for m in evidence.constraints if m.record.path == path), default=0)
        a_set = None if record is None else meant_set(record, repeat)
        # Another set than that of rounded numbers would let them be anything.
        if path in rounds and not isinstance(a_set, Grid):
            continue
        if record is not None and a_set is not None:
            a_set = above_zero(problem, record, a_set)
            notes += filter(None, [bounds_note(record, a_set)])
            record.variable.constraint = record.resolved(a_set)
            sets[path] = written(a_set)
            notes += [note for kind, note in _NOTES if isinstance(a_set, kind)]
    if not sets:
        return None
    started, code = start_inside(problem, evidence, {finding.weight for finding in found})
    other = "".join(f" ({note})" for note in dict.fromkeys(notes))
    code = f"{given(problem, sets)}{code}"
    return Changed(
        f"the set that the constraint means, {told(problem, sets)}{other}{started}",
        code=code,
    )


def bounds_of_its_images(problem, evidence, found):
    """The bounds that a constraint stretches weights to, which has no image of a single number."""
    sets, paths = {}, {finding.weight for finding in found}
    for record in walk(problem.model):
        bounds = stretched_to(record) if record.path in paths else None
        if bounds is not None:
            record.variable.constraint = record.resolved(Box(*bounds))
            sets[record.path] = written(Box(*bounds))
    if not sets:
        return None
    started, code = start_inside(problem, evidence, set(sets))
    return Changed(
        "the bounds between which the constraint stretches weights that are not all the same, "
        f"{told(problem, sets)}{started}",
        code=f"{given(problem, sets)}{code}",
    )


def off_mapped_weights(problem, evidence, found):
    """No constraint on weights that their layers take through a map to the positive numbers."""
    records, paths = {record.path: record for record in walk(problem.model)}, []
    for path in dict.fromkeys(finding.weight for finding in found):
        if path in records:
            records[path].variable.constraint = None
            paths.append(path)
    if not paths:
        return None
    return Changed(
        f"no constraint on {', '.join(paths)}", code="self.add_weight(...)  # without constraint"
    )


def definite(problem, evidence, found):
    """Positive definite matrices in place of the free square ones of a layer that needs them."""
    operation, sets = evidence.operation, {}
    is_known = operation is not None and operation.name in _OF_DEFINITE
    layers = {
        f.layer for f in found
        if is_known or (f.code == "CW001" and may_be_of_weights(problem, f))
    }  # fmt: skip
    for record in walk(problem.model):
        square = len(record.shape) == 2 and record.shape[0] == record.shape[1]
        if square and record.layer.name in layers and _may_be_indefinite(record):
            record.variable.constraint = PositiveSemidefinite(_MARGIN)
            record.assign(record.variable.constraint(record.value))
            sets[record.path] = f"ci.PositiveSemidefinite({_MARGIN})"
    if not sets:
        return None
    code = given_and_projected(problem, sets)
    return Changed(f"a set of positive definite matrices, {told(problem, sets)}", code=code)


def _may_be_indefinite(record):
    """Whether a matrix has no constraint, or one that only makes it symmetric, if that."""
    if record.constraint is None:
        return True
    known = known_set(record)
    return isinstance(known or meant_set(record), (Symmetric, type(None)))
