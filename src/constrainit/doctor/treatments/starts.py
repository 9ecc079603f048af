"""Remedies for starts: inside the set, of the right size, different from unit to unit."""

import inspect
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit._calibrate import calibrate
from constrainit._obey import measured, move, prepare, project, redraw
from constrainit._words import listed
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._finding import Finding
from constrainit.doctor._losses_at import loss_anew
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import is_custom
from constrainit.doctor._set_code import drawn_from
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._pastes import assigned
from constrainit.doctor.treatments._remedy import Changed
from constrainit.initializers import Feasible
from constrainit.model import STARTS, WeightRecord, constrained_records, walk
from constrainit.sets import Custom

_OF_PROGRAMS = ("AttributeError", "IndexError", "KeyError", "NameError", "TypeError")
"""What is raised whatever the weights are."""

_OFF = 0.1

DRAWN, MOVED = ", and a start inside", ", and the weight moved inside"
"""What is said of weights that were brought inside behind another change."""

_USUAL = 10.0
"""By how much a random weight differs at most in size from what Keras draws by default."""


def start_inside(problem, evidence, paths):
    """The given weights, drawn from their sets if they are outside; moved there if trained.

    Returns:
        What is to be said of it behind another change, and as code; empty if all were inside.
    """
    if evidence.trained:
        moved = move(measured(problem.model, paths))
        return (MOVED, "\nci.project(model)") if moved else ("", "")
    drawn = redraw(problem.model, paths, problem.seed)
    return (DRAWN, "\nci.prepare(model)") if drawn else ("", "")


def inside(problem, evidence, found):
    """Every weight that starts outside, drawn from its set; moved there if it has been trained.

    Where the constraint of another one raises, those of the findings alone.
    """
    wanted = {finding.weight for finding in found}
    try:
        if evidence.trained:
            project(problem.model)
        else:
            prepare(problem.model, seed=problem.seed)
    except ValueError:
        start_inside(problem, evidence, wanted)
    if evidence.trained:
        return Changed("every weight is moved to the nearest of its set", code="ci.project(model)")
    still = [r for r in constrained_records(problem.model) if r.path in wanted]
    if still and not any(record.variable.trainable for record in still):
        return Changed("every weight is moved to the nearest of its set", code="ci.project(model)")
    return Changed("every weight starts inside its set", code="ci.prepare(model)")


def calibrated(problem, evidence, found):
    """The biases of layers with a constrained kernel, fitted to the batch; no kernel is drawn."""
    done = calibrate(problem.model, problem.x)
    return (
        Changed("biases and scales are fitted to the batch", code="ci.calibrate(model, x)")
        if (done)
        else None
    )


def fitted_where_it_fades(problem, evidence, found):
    """As `calibrated`, where that was seen to train a model whose signal fades."""
    wanted = [finding for finding in found if "loss_fitted" in finding.evidence]
    return calibrated(problem, evidence, wanted) if wanted else None


def redrawn(problem, evidence, found):
    """The weights of the findings, drawn at random as Keras would by default, inside their sets.

    Those of their layers with them.
    """
    found = [f for f in found if may_be_of_weights(problem, f)]
    return _drawn_at_random(problem, _meant_by(found, evidence))


def named_redrawn(problem, evidence, found):
    """The same without what else is in the layers of the findings, where there is more."""
    found = [f for f in found if may_be_of_weights(problem, f)]
    named = named_by(found, evidence)
    return _drawn_at_random(problem, named) if named < _meant_by(found, evidence) else None


def _meant_by(found, evidence):
    """The weights of findings, and those of their layers."""
    layers = {finding.layer for finding in found if finding.layer}
    return named_by(found, evidence) | _of_layers(layers, evidence)


def named_by(found: list[Finding], evidence: Evidence) -> set[str]:
    """The weights of findings, by path; of a finding that names none, those of its layer."""
    named = {f.weight for f in found if f.weight}
    named |= _of_layers({f.layer for f in found if f.layer and not f.weight}, evidence)
    return named | {path for f in found for path in f.evidence.get("zeros", ())}


def _drawn_at_random(problem, paths):
    named, starts = [], []
    for index, record in enumerate(walk(problem.model)):
        kernel = len(record.shape) > 1 or record.variable.name not in STARTS
        if record.path not in paths or not kernel or not record.variable.trainable:
            continue
        draw = from_its_set(record, problem.seed + index)
        if draw is None and _is_drawn(record):
            continue
        start = f"keras.initializers.GlorotUniform({problem.seed + index})"
        if draw is not None:
            start = drawn_from(draw.set, str(problem.seed + index))
        draw = draw or keras.initializers.GlorotUniform(seed=problem.seed + index)
        record.assign(ops.cast(draw(record.shape, record.dtype), record.dtype))
        named.append(record.path)
        starts.append((record, start))
    if not named:
        return None
    return Changed(
        f"{listed(named)} drawn at random",
        code=assigned(problem, starts),
    )


def off_zero(problem, evidence, found):
    """A number, or a vector, of the user's own layers that starts at zero, where it can not."""
    operation = evidence.operation
    if evidence.fault_step != 0 or operation is None or np.isfinite(evidence.loss or 0.0):
        return None
    paths = {path for one in operation.operands if not one.data for path in one.weights}
    for record in walk(problem.model):
        start = to_numpy(record.variable)
        own = is_custom(record.layer) and record.variable.trainable and record.path in paths
        if not own or start.ndim > 1 or start.any():
            continue
        start_at(record, np.full(start.shape, _OFF))
        if np.isfinite(loss_anew(problem)):
            value = float(to_numpy(record.variable).flat[0])
            return Changed(
                f"{record.path} starts at {value:g} in place of 0",
                code=f"# {record.variable.name} of {record.layer.name!r}\nself.add_weight(..., "
                f"initializer=keras.initializers.Constant({value:g}))",
            )
        record.assign(ops.cast(start, record.dtype))
    return None


def start_at(record, value):
    """Gives a weight a value, the nearest of its set where it has one."""
    value = ops.cast(value, record.dtype)
    if record.constraint is not None:
        value = record.resolved(record.constraint).project(value)
    record.assign(value)


def drawn_apart(problem, evidence, found):
    """Weights that are the same as another one, drawn by their initializers with other seeds."""
    paths, codes = {finding.weight for finding in found}, []
    for index, record in enumerate(walk(problem.model)):
        if record.path not in paths:
            continue
        for seed in (problem.seed + index + 1, problem.seed + index + 2):
            draw = _own_draw(record, seed)
            value = ops.cast(draw(record.shape, record.dtype), record.dtype)
            # The seed that it was drawn with.
            if not np.array_equal(to_numpy(value), to_numpy(record.variable)):
                break
        record.assign(value)
        codes.append(_written(record, draw, seed))
    return Changed("an initializer with another seed", code="\n".join(dict.fromkeys(codes)))


def _own_draw(record, seed):
    """The initializer of a weight with another seed, be it of its set, of Keras or of the user."""
    own = getattr(record.layer, f"{record.argument}_initializer", None)
    is_of_set = own is None or isinstance(own, Feasible)
    of_set = from_its_set(record, seed) if is_of_set else None
    return of_set or _with_seed(own, seed)


def _written(record, draw, seed):
    """The argument that gives a weight this initializer, as it is written."""
    kind = type(draw)
    own = getattr(record.layer, f"{record.argument}_initializer", None)
    if own is None:
        return f"# {record.layer.name}: another seed for the initializer of {record.argument!r}"
    if isinstance(draw, Feasible):
        return f"# {record.layer.name}: another seed for its {kind.__name__}"
    is_of_keras = kind.__module__.split(".")[0] == "keras"
    name = f"keras.initializers.{kind.__name__}" if is_of_keras else kind.__name__
    usual = inspect.signature(kind).parameters
    arguments = {k: v for k, v in draw.get_config().items() if k in usual and k != "seed"}
    words = [f"{k}={v!r}" for k, v in arguments.items() if v != usual[k].default]
    return f"{record.argument}_initializer={name}({', '.join([*words, f'seed={seed}'])})"


def from_its_set(record: WeightRecord, seed: int) -> Any:
    """The law of the set of a weight; None where no set is known."""
    a_set = None if record.constraint is None else record.resolved(record.constraint)
    known = a_set is not None and not isinstance(a_set, Custom)
    return Feasible(a_set, seed).over(a_set, record.axes) if known else None


def _with_seed(initializer: Any, seed: int):
    config = {} if initializer is None else initializer.get_config()
    if initializer is None or "seed" not in config:
        return keras.initializers.GlorotUniform(seed)
    return type(initializer).from_config({**config, "seed": seed})


def may_be_of_weights(problem: Problem, finding: Finding) -> bool:
    """Whether other weights may mend a finding: not what raises by its code or by shapes alone.

    Nothing is computed in the forward stage, and in a step of the model's own it is not known.
    """
    if finding.code != "CW001" or finding.stage == "gradients":
        return finding.evidence.get("exception") not in _OF_PROGRAMS
    if finding.evidence["exception"] in _OF_PROGRAMS or finding.stage == "forward":
        return False
    try:
        problem.trace_outputs()
    # Whatever the user's model raises, it does so for any weights.
    except Exception:
        return False
    return True


def _is_drawn(record):
    """Whether a weight is a random draw of a common size and of both signs already.

    Another one is no remedy then.
    """
    value = to_numpy(record.variable)
    usual = np.sqrt(2 / max(sum(value.shape[-2:]), 1))
    mixed = len(np.unique(value)) > 0.5 * value.size and abs(np.mean(value)) < np.std(value)
    return value.size > 1 and mixed and 1 / _USUAL < np.std(value) / usual < _USUAL


def _of_layers(layers, evidence):
    """The weights of layers, those of the cells inside of them included."""
    return {
        record.path for record in evidence.weights
        if record.layer.name in layers or not layers.isdisjoint(record.path.split("/"))
    }  # fmt: skip
