"""`--fix`: the treated model as a file, written once it is loaded again and found healed."""

import functools
import glob
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from keras import ops

from constrainit._constrain import constrain
from constrainit.doctor._frames import fault
from constrainit.doctor._probe import probe
from constrainit.doctor._state import borrowed
from constrainit.doctor._twin import own_classes
from constrainit.doctor.rules import findings
from constrainit.doctor.treatments._remedy import with_other
from constrainit.model import GroupRecord, constrained_records
from constrainit.sets import Custom


def write_fixed(target, problem, evidence, found, healings) -> tuple[bool, str]:
    """Writes the model with every change that healed, in one piece; whether it did, and why.

    The changes are made to the borrowed model again, which is saved beside `target`, loaded, and
    looked at. It takes the place of `target` only if what was healed is healed there, too.
    """
    compiled = problem.model.compiled
    kept = [h for h in healings if h.remedy.saved and (compiled or h.remedy.trial != "rate")]
    if not healings:
        sick = any(finding.counts for finding in found)
        return False, "no treatment healed" if sick else "there is nothing to mend"
    left_out = [h.change for h in healings if h not in kept]
    if not kept:
        return False, f"what heals is not in the model: {'; '.join(left_out)}"
    with borrowed(problem.model), problem.keeping_optimizer():
        compiled = compiled and problem.model.get_compile_config()
        classes = own_classes(problem.model)
        try:
            mended = _changed(problem, evidence, kept)
            classes |= own_classes(mended.model)
            with keras.saving.custom_object_scope(classes):
                unsaved = {"CW208" for f in found if f.code == "CW208" and not _is_healed(f)}
                return _written(target, mended, compiled, kept, left_out, unsaved)
        # Saving runs the user's own code, and Keras raises several kinds.
        except Exception as exception:
            return False, f"the treated model can not be made, saved and loaded: {fault(exception)}"


def _changed(problem, evidence, kept):
    """The problem with every change made to its model."""
    for healing in kept:
        changed = healing.remedy.apply(problem, evidence, healing.wanted)
        problem = changed.problem or problem
    if problem.optimizer is None:
        problem.set_optimizer()
    with warnings.catch_warnings():
        # What can not be saved is seen by the look at what was loaded.
        warnings.simplefilter("ignore")
        for record in constrained_records(problem.model):
            attribute = f"{record.argument}_constraint"
            held = getattr(record.layer, attribute, record.constraint)
            if not isinstance(record, GroupRecord) and held is not record.constraint:
                constrain(problem.model, {glob.escape(record.path): record.constraint})
    return problem


def _written(target, problem, compiled, kept, left_out, unsaved):
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        path = Path(folder) / target.name
        problem.model.save(path)
        loaded = keras.saving.load_model(path, compile=False)
        if compiled:
            _compile(loaded, problem, compiled)
        own = {"loss": None, "optimizer": None} if compiled else {}
        again = with_other(problem, model=loaded, **own)
        names = _names(problem.model, loaded)
        left = {_place(f, names) for f in findings(_probe(again)) if f.counts}
        back = [f for healing in kept for f in _healed(healing) if _place(f, {}) in left]
        named = [f"{finding.code} {finding.weight}".rstrip() for finding in back]
        named += _other_constraints(problem.model, loaded, names)
        if named:
            return False, f"a saved model does not hold the treatment of {', '.join(named[:3])}"
        loaded.get_compile_config = functools.partial(_of_any_backend, loaded.get_compile_config)
        loaded.save(path)
        path.replace(target)
    said = f"wrote the treated model to {str(target)!r}: {'; '.join(h.change for h in kept)}"
    # The classes of this process were at hand, which another one has to import.
    codes = unsaved | {code for code, *_ in left}
    if codes:
        said += f". Still there: {', '.join(sorted(codes))}"
    if left_out:
        said += f". Not in it: {'; '.join(left_out)}"
    return True, said


_TORCH = "keras.src.backend.torch.optimizers."


def _of_any_backend(get: Callable[[], Any]) -> Any:
    """A config by which every backend takes its own optimizers.

    On PyTorch `keras.optimizers.Adam()` is of a class for PyTorch, and Keras (3.15.1) saves that
    one's name: another backend loads it, and fails in its first step.
    """
    return _renamed(get())


def _renamed(config):
    if isinstance(config, (list, tuple)):
        return [_renamed(part) for part in config]
    if not isinstance(config, dict):
        return config
    config = {name: _renamed(part) for name, part in config.items()}
    if str(config.get("module")).startswith(_TORCH):
        config |= {"module": "keras.optimizers", "registered_name": None}
    return config


def _probe(problem):
    """The evidence of a problem, whose model stays as it is."""
    with borrowed(problem.model):
        return probe(problem)


def _compile(loaded, problem, compiled):
    """Compiles a model like the first one, with the optimizer and the loss of the problem."""
    config = {**compiled, "optimizer": keras.saving.serialize_keras_object(problem.optimizer)}
    if problem.given_loss is not None:
        config["loss"] = keras.saving.serialize_keras_object(problem.given_loss)
    if problem.loss_weights is not None:
        config["loss_weights"] = problem.loss_weights
    # The optimizer has a loss scale around it, or was compiled so that it has none.
    loaded.compile_from_config({**config, "auto_scale_loss": False})
    slots, state = loaded.optimizer.variables, problem.optimizer.variables
    if [tuple(v.shape) for v in slots] == [tuple(v.shape) for v in state]:
        for variable, value in zip(slots, state, strict=True):
            variable.assign(ops.convert_to_tensor(value))


def _names(model, loaded):
    """What the layers of a model that was loaded were called: without a config they are not now."""
    pairs = [list(one._flatten_layers()) for one in (loaded, model)]
    same = len(pairs[0]) == len(pairs[1])
    return {new.name: old.name for new, old in zip(*pairs, strict=True)} if same else {}


def _other_constraints(model, loaded, names):
    """The weights whose constraint the file does not hold."""
    held = {_set_of(record, names) for record in constrained_records(loaded)}
    return [r.path for r in constrained_records(model) if _set_of(r, {}) not in held]


def _set_of(record, names):
    a_set = record.resolved(record.constraint)
    # A weight that was given no name has another one in a layer that is loaded.
    places = [i for i, one in enumerate(record.layer.weights) if one is record.variable]
    name = places[0] if places else getattr(record.variable, "name", record.path)
    layer = names.get(record.layer.name, record.layer.name)
    # Its line leaves out axes that the layer has given, which a loaded set holds itself.
    return layer, name, a_set.describe() if isinstance(a_set, Custom) else repr(a_set)


def _place(finding, names):
    """Where a finding is, in a model that was loaded, too: the beginning of a path may differ."""
    layer = names.get(finding.layer, finding.layer)
    return finding.code, layer, finding.weight.rpartition("/")[2]


def _healed(healing):
    return list(filter(_is_healed, healing.wanted))


def _is_healed(finding):
    return finding.treatment is not None and finding.treatment.healed
