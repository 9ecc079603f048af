"""Remedies in the user's own Python: an edit of a class, applied in memory and tried."""

import contextlib
from dataclasses import replace
from functools import partial
from typing import Any

from constrainit.doctor._code import as_kind, is_of_library, kind_of_layer
from constrainit.doctor._constant_axes import edit_along
from constrainit.doctor._misfits import fitted
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import is_custom, own_function
from constrainit.doctor.rules.cw201_constraint_raises import misfit
from constrainit.doctor.treatments import _at_each_call, _edit_casts, _edits, _in_steps
from constrainit.doctor.treatments._chosen_edits import KEEPING, edit_for
from constrainit.doctor.treatments._config_edits import with_layer_config
from constrainit.doctor.treatments._edit_losses import adds_less, unrounded
from constrainit.doctor.treatments._edit_slips import along_each_unit as along_inputs_of
from constrainit.doctor.treatments._losses import code_of_loss, with_losses
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._rewriting import (
    become,
    kind_of,
    rewritten,
)
from constrainit.doctor.treatments._smooth import smooth
from constrainit.doctor.treatments.starts import start_inside


def edited(problem, evidence, found):
    """The smallest edit of the class of a constraint that its findings ask for."""
    return with_edits(problem, evidence, found, edit_for)


def along_inputs(problem, evidence, found):
    """The class of a constraint with its reductions along the inputs of a unit."""
    return with_edits(problem, evidence, found, lambda *_: _edits.along_inputs)


def along_each_unit(problem, evidence, found):
    """The class of a constraint whose reductions lose an axis, along the inputs of a unit."""
    records = {made.record.path: made.record for made in evidence.constraints}

    def choose(finding, kind):
        record = records.get(finding.weight)
        if record is None or record.axes is None or edit_for(finding, kind) not in KEEPING:
            return None
        return along_inputs_of(record.axes, len(record.shape))

    return with_edits(problem, evidence, found, choose)


def along_units(problem, evidence, found):
    """The class of a constraint with its norms along the axes that feed a unit."""
    numbers = found[0].evidence
    if "axis" not in numbers:
        return None
    used, right, path = numbers["axis"], list(numbers["unit_axes"]), found[0].weight
    shapes = [one.record.shape for one in evidence.constraints if one.record.path == path]
    from_end = [axis - len(shape) for shape in shapes for axis in used]
    edit = _edits.along(used, tuple(right) if len(right) > 1 else right[0], from_end)
    for seen in [one for one in evidence.other_axes if one.record.path == path]:
        edit = edit_along(seen) or edit
    return with_edits(problem, evidence, found, lambda *_: edit)


def with_a_fitting_constant(problem, evidence, found):
    """The class of a constraint with a constant laid out as the weight is that it acts on."""
    made = next(one for one in evidence.constraints if one.record.path == found[0].weight)
    constant = misfit(made)
    laid_out = None if constant is None else fitted(made.record, constant)
    if constant is None or laid_out is None:
        return None
    edit = _edits.laid_out(constant.name, *laid_out)
    return with_edits(problem, evidence, found, lambda *_: edit)


def along_a_longer_axis(problem, evidence, found):
    """The class of a constraint whose reductions run along an axis of length one, along another."""
    numbers = found[0].evidence
    if "axis" not in numbers:
        return None
    [axis], other = numbers["axis"], numbers["unit_axes"][0]
    rank = 1 + len(numbers["unit_axes"])
    edit = _edits.along([axis], other, [axis - rank])
    return with_edits(problem, evidence, found, lambda *_: edit)


def with_edits(problem, evidence, found, choose):
    """The classes of constraints with the edits that are chosen by a finding and a class."""
    kinds, changes, diffs = {}, [], []
    for finding in found:
        variable = _variable(problem, finding.weight)
        kind = kind_of(getattr(variable, "constraint", None))
        edit = choose(finding, kind)
        if edit is None or is_of_library(kind.__module__):
            continue
        if kind not in kinds:
            made = rewritten(kind, edit)
            if made is None:
                continue
            kinds[kind], sentence, diff = made
            changes.append(sentence)
            diffs.append(diff)
    if not kinds:
        return None
    paths = set()
    for variable in problem.model.variables:
        constraint = getattr(variable, "constraint", None)
        kind = kind_of(constraint)
        if kind in kinds:
            is_function = kind is constraint
            new = kinds[kind]
            variable.constraint = new if is_function else as_kind(constraint, new)
            paths.add(variable.path)
    started, code = "", ""
    if any(finding.code != "CW208" for finding in found):
        # What an edit leaves may raise anything still, which another edit then mends.
        with contextlib.suppress(Exception):
            started, code = start_inside(problem, evidence, paths)
    return Changed("; ".join(changes) + started, code=code.strip(), diff="\n".join(diffs))


def _variable(problem, path):
    return next((v for v in problem.model.variables if v.path == path), None)


def with_a_gradient(problem, evidence, found):
    """The class of a layer that cuts the gradient off, with an operation that lets it through."""
    names = [finding.layer for finding in found]
    return edited_layer(problem, names, _edits.with_a_gradient)


def with_whole_numbers_let_through(problem, evidence, found):
    """The class of a layer that casts to whole numbers, with the gradient of what it casts."""
    names = [finding.layer for finding in found]
    return edited_layer(problem, names, _edit_casts.with_whole_numbers_let_through)


def unrounded_loss(problem, evidence, found):
    """A loss of the user's own that takes the predictions as they are, where it rounds them."""
    losses = problem.losses()
    if len(losses) != 1 or any(one.layer or one.weight for one in found):
        return None
    made = rewritten(code_of_loss(losses[0]), unrounded)
    if made is None:
        return None
    new, sentence, diff = made
    return Changed(sentence, with_losses(problem, [new]), diff=diff)


def in_shorter_steps(problem, evidence, found):
    """The class of a layer that adds to its state at each turn of a loop, in shorter steps."""
    layers = problem.model._flatten_layers()
    names = {part for f in found for part in (f.layer, *f.weight.split("/"))}
    own = [one.name for one in layers if one.name in names and is_custom(one)]
    return edited_layer(problem, own, _in_steps.in_shorter_steps)


def turned(problem, evidence, found):
    """The class of a layer with its straight-through estimator the right way round."""
    return edited_layer(problem, [finding.layer for finding in found], _edits.turned)


def smoothed(sharpness):
    """A remedy: the class of a layer with a smooth map in place of the cutoff at a known line."""

    def apply(problem, evidence, found):
        layers = {one.name: one for one in problem.model._flatten_layers()}
        for finding in [one for one in found if one.source is not None]:
            if finding.layer in layers:
                edit = smooth(finding.source.text, sharpness)
                made = edited_layer(problem, [finding.layer], edit)
                if made is not None:
                    return made
        return None

    return apply


def computed_in_call(problem, evidence, found):
    """The class of a layer whose `call` computes what was computed once."""
    own = [m for m in evidence.computed if m.holder.name == found[0].layer and not m.live]
    # What the graph of a model holds is in no class.
    if not own:
        return None
    return edited_layer(problem, [own[0].holder.name], _at_each_call.computed_in_call(own[0].name))


def tied_in_call(problem, evidence, found):
    """The class of a layer whose `call` takes a weight, and no copy of what it was."""
    for made in [one for one in evidence.copied if one.path]:
        if made.copy.path == found[0].weight:
            return _with_the_living(problem, made)
    for kept in [one for one in evidence.kept_copies if one.path]:
        if (kept.layer.name, kept.record.path) == (found[0].layer, found[0].weight):
            own = f"keras.ops.transpose({kept.path})" if kept.turned else kept.path
            edit = _at_each_call.tied_in_call(kept.name, own)
            return edited_layer(problem, [kept.layer.name], edit)
    return None


def _with_the_living(problem, made):
    """The class of a layer without a weight that starts as another one's, which it takes itself."""
    layer, variable = made.copy.layer, made.copy.variable
    name = next(name for name, value in vars(layer).items() if value is variable)
    own = f"keras.ops.transpose({made.path})" if made.turned else made.path
    changed = edited_layer(problem, [layer.name], _at_each_call.tied_in_call(name, own))
    for kind in ("_trainable_variables", "_non_trainable_variables") if changed else ():
        vars(layer)[kind] = [one for one in vars(layer)[kind] if one is not variable]
    # What is to be trained is told anew, without the weight.
    return changed and replace(changed, problem=with_other(problem))


def kept_in_call(problem, evidence, found):
    """The class of a layer whose `call` gives no weight's name away."""
    [made] = [m for m in evidence.written_over if m.record.path == found[0].weight][:1]
    kind = type(made.record.layer)
    for layer in [one for one in problem.model._flatten_layers() if type(one) is kind]:
        for record in [r for r in evidence.weights if r.layer is layer]:
            if record.variable.name == made.record.variable.name:
                vars(layer)[made.name] = record.variable
    return edited_layer(problem, [made.record.layer.name], _at_each_call.kept_in_call(made.name))


def sum_in_its_set(problem, evidence, found):
    """The class of a layer whose sum of weights goes through the constraint of one of them."""
    made = next(m for m in evidence.summed if m.record.path == found[0].weight)
    layer = made.record.layer
    name = next(name for name, value in vars(layer).items() if value is made.record.variable)
    return edited_layer(problem, [layer.name], _at_each_call.through_its_set(made.text, name))


def less_added(problem, evidence, found):
    """The class of a layer that adds so much less to the loss that the data is learnt."""
    made = evidence.swamped
    if made is None or not made.layer or not made.scale:
        return None
    changed = edited_layer(problem, [made.layer], adds_less(made.scale))
    then = f", with which the loss of the data goes to {made.weaker:.4g} in {made.steps} steps"
    return changed and replace(changed, change=f"{changed.change}{then}")


def with_its_arguments(problem, evidence, found):
    """The class of a layer with a config that has the arguments which it left out."""
    changes, diffs, done = [], [], set()
    for lost in evidence.reloaded:
        kind = kind_of_layer(lost.layer)
        alike = [one for one in evidence.reloaded if kind_of_layer(one.layer) is kind]
        names = list(dict.fromkeys(name for one in alike for name in one.arguments))
        made = None if kind in done else rewritten(kind, with_layer_config(names))
        done.add(kind)
        if made is None:
            continue
        new, sentence, diff = made
        for one in alike:
            # Its `super()` takes objects of the new class alone.
            vars(one.layer)["get_config"] = partial(_config_as, new, one.layer)
        changes.append(sentence)
        diffs.append(diff)
    return Changed("; ".join(changes), diff="\n".join(diffs)) if changes else None


def _config_as(kind, layer):
    return as_kind(layer, kind).get_config()


def _edited_function(problem, layers, function, edit):
    """The layers of Keras that call a function of the user's own, with an edited one."""
    named = function is not None and function.__name__.isidentifier()
    made = rewritten(function, edit) if named else None
    if made is None:
        return None
    new, sentence, diff = made
    for layer in [one for one in layers if own_function(one) is function]:
        name = "function" if vars(layer).get("function") is function else "activation"
        vars(layer)[name] = new
    return Changed(sentence, with_other(problem), diff=diff)


def edited_layer(problem: Problem, names: list[str], edit: Any) -> Changed | None:
    """The first of the named layers whose class can be edited so, with its edited class."""
    layers = problem.model._flatten_layers()
    for layer in [one for name in names for one in layers if one.name == name]:
        owner = kind_of_layer(layer)
        if is_of_library(owner.__module__):
            changed = _edited_function(problem, layers, own_function(layer), edit)
            if changed is not None:
                return changed
            continue
        made = rewritten(owner, edit)
        if made is None:
            continue
        new, sentence, diff = made
        for other in layers:
            if kind_of_layer(other) is owner:
                become(other, new)
        return Changed(sentence, with_other(problem), diff=diff)
    return None
