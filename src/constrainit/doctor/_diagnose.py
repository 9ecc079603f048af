"""`diagnose`: probe, judge, treat, report."""

import contextlib
import os
import platform
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from constrainit._signatures import explaining
from constrainit.doctor import _arguments, _batch
from constrainit.doctor._before_replay import note_rate
from constrainit.doctor._contradicting import note_contradictions
from constrainit.doctor._dying import outlived
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._finding import Finding, of_classes
from constrainit.doctor._fitted import faint
from constrainit.doctor._frames import fault
from constrainit.doctor._given_batch import replayed
from constrainit.doctor._halves import values_of
from constrainit.doctor._losses_at import looked
from constrainit.doctor._misbuilt import misbuilt
from constrainit.doctor._of_keras_2 import in_place, keras_ops_for, missing_names, names_of
from constrainit.doctor._other_axes import other_axes
from constrainit.doctor._otherwise import otherwise
from constrainit.doctor._overruled import overruled
from constrainit.doctor._own_step import has_own_step
from constrainit.doctor._probe import probe
from constrainit.doctor._problem import Problem
from constrainit.doctor._randomness import undisturbed
from constrainit.doctor._report import Report
from constrainit.doctor._state import borrowed, built_meanwhile, collecting_only_new
from constrainit.doctor._swamped import swamped
from constrainit.doctor._tight import tight
from constrainit.doctor._twin import twin_of
from constrainit.doctor._whole_norms import whole_norms
from constrainit.doctor._zero_outputs import zero_outputs
from constrainit.doctor.rules import OF_CLASSES, findings, in_order, tells_of_harm
from constrainit.doctor.treatments import treat
from constrainit.doctor.treatments._remedy import Changed, seen, write
from constrainit.doctor.treatments.built_anew import built_anew
from constrainit.model import is_built

_MOST_NAMES = 10

_BUILT = ("built for this look, as it has no weights yet: call model(x) before what is pasted",)


@explaining
def diagnose(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    *,
    loss: Any = None,
    optimizer: Any = None,
    seed: int = 0,
    steps: int | None = None,
    replay: str | os.PathLike[str] | None = None,
) -> Report:
    """Finds out why a constrained model breaks, or that it does not, and tries what mends it.

    Looks at training from inside: build, forward, loss, gradients, every constraint on a copy of
    its weight, the first optimizer step split into what the gradient and what the constraint
    moves, and some more steps on the same batch. Each finding with a known treatment is treated on
    the borrowed model and looked at again. At the end the model and the random states of Python,
    NumPy, Keras and the backend are as they were, bit for bit, also when something raised.

    Args:
        model: A Keras model, compiled or not. One that is not built is rebuilt from its config, or,
            where it has none, built by a call, and has no weights again afterwards.
        x: A batch of inputs, as `fit` takes them; None, where there is no `y` either, draws one
            from the model's input shapes.
        y: The targets; None draws some that fit the loss.
        loss: In place of the loss that the model was compiled with.
        optimizer: In place of the optimizer that the model was compiled with.
        seed: For what is drawn: batch, targets, treated weights.
        steps: How many optimizer steps are taken; None takes 20, fewer where weights and
            numbers between the layers are more than two million.
        replay: A file of `StopAtFault`, in place of `x` and `y`: the look begins with the batch,
            weights and optimizer that it holds. Give the model as it was before training: where
            the learning rate has led to the fault is told by training from there.

    Returns:
        A `Report`: `findings`, `ok`, `str()`, `to_dict()`, `save(path)`.

    Raises:
        ValueError: `model` is no Keras model, or says too little to be built or fed; an argument
            is not what Keras takes; `x` and `y` are not of as many examples, or not two arguments;
            the file of `replay` can not be read, or is of another model.
    """
    _arguments.check(model, loss, optimizer, seed, steps)
    _arguments.as_many(x, y)
    file, start = _arguments.file_of_step(replay, x, y), None
    with undisturbed(), contextlib.ExitStack() as stack:
        twin, said = model if is_built(model) else twin_of(model), ()
        if twin is None:
            stack.enter_context(built_meanwhile(model))
            twin, said = model, _BUILT
        if file is not None:
            lent = replayed(twin, file, with_optimizer=optimizer is None)
            x, y, told, start = stack.enter_context(lent)
            said = (*told, *said)
        return examine(
            twin, x, y, loss, optimizer, seed, steps=steps, said=said, another=model, start=start
        )


def examine(
    model,
    x,
    y,
    loss,
    optimizer,
    seed,
    shapes=None,
    steps=None,
    target="",
    mend=None,
    said=(),
    another=None,
    start=None,
) -> Report:
    """As `diagnose`, for a model that may be built in place.

    `shapes` are those of one sample, `target` is the file that the model came from, `mend` is
    called at the end with the problem, its evidence, and what healed, while the model is borrowed,
    `said` is what is known already of what was assumed, `another` is a model like it that nothing
    has tried to build, and `start` is where the model was before a kept step was put in place.
    """
    _arguments.apart(model, x, y)
    _arguments.arrays("x", x)
    _arguments.arrays("y", y)
    drawn = x is None
    if drawn:
        x = _batch.inputs_for(model, shapes, seed)
    was_built = is_built(model)
    inner = model._flatten_layers(include_self=False)
    unbuilt = [layer.name for layer in inner if not layer.built]
    if unbuilt or not was_built:
        try:
            model(keras.tree.map_structure(lambda a: keras.KerasTensor(a.shape, a.dtype.name), x))
        # Whatever the user's layers raise is what the doctor was called for.
        except Exception as exception:
            if not was_built:
                evidence = Evidence(faults={"build": fault(exception)})
                evidence.misbuilt = misbuilt(model, exception)
                found = findings(evidence)
                like = model if another is None else another
                built_anew(evidence.misbuilt, like, found, (x, y, loss, optimizer, seed, steps))
                return _report(model, x, evidence, seed, said, found, target=target)
    _arguments.targets(model, y, loss)
    problem = Problem(model, x, y, loss, optimizer, seed, steps)
    problem.of_file, problem.start = target.endswith(".keras"), start
    now = {layer.name for layer in model._flatten_layers() if layer.built and layer.variables}
    late = [name for name in unbuilt if name in now]
    if was_built and late:
        problem.said.append(f"built by a call, as they had no weights yet: {', '.join(late)}")
    if drawn:
        problem.drawn = True
        problem.said.append("inputs drawn at random, as none were given")
    with collecting_only_new(), borrowed(model) as put_back, _trials() as quietly:
        evidence = probe(problem)
        put_back()
        quietly()
        note_contradictions(evidence)
        evidence.other_axes = other_axes(problem, evidence)
        evidence.tight = tight(problem, evidence)
        evidence.whole_norms = whole_norms(problem, evidence)
        evidence.faint = problem.faint = faint(problem, evidence)
        evidence.swamped = swamped(problem, evidence)
        zeros = "zeros that the loss divides by"
        evidence.zero_outputs = looked(problem, zeros, zero_outputs, problem, evidence)
        evidence.outlived = outlived(problem, evidence)
        note_rate(problem, evidence)
        evidence.overruled = overruled(problem, evidence)
        found = findings(evidence)
        if not any(finding.counts and tells_of_harm(finding) for finding in found):
            put_back()
            evidence.otherwise = otherwise(problem, evidence, values_of(problem.model))
            found = findings(evidence)
        names = missing_names(evidence)
        if names:
            evidence = _with_keras_ops(problem, evidence, found, names)
        with keras_ops_for(names):
            healings = treat(problem, evidence, found)
        if mend is not None:
            mend(problem, evidence, found, healings)
    if problem.pace.is_dear:
        problem.said.append(
            f"not trained for more than {problem.steps} steps, as each takes "
            f"{problem.pace.seconds:.2g} s"
        )
    found = of_classes(found, OF_CLASSES)
    assumed = (*said, *problem.said)
    return _report(model, x, evidence, seed, assumed, found, problem.loss_name, target)


@contextlib.contextmanager
def _trials():
    """Gives what ends the warnings of this library: those of a change that is tried are of no use.

    The user's model itself has been looked at before, with what it warns of.
    """
    with warnings.catch_warnings():
        yield lambda: warnings.simplefilter("ignore", UserWarning)


def _with_keras_ops(problem, evidence, found, names):
    """Looks again with the missing functions in place, and adds what shows only then."""
    for _ in range(_MOST_NAMES):
        with keras_ops_for(names):
            after = seen(Changed(""), problem)
        again = after.evidence
        more = missing_names(again)
        if not more:
            break
        names |= more
    shown = in_place(names)
    problem.said.append(f"measured with {shown} in place of what keras.backend lacks")
    wanted = [f for f in found if f.code == "CW201"]
    own = {
        made.record.path: Changed(f"{in_place(names_of(made, names))} in place of keras.backend")
        for made in evidence.constraints
        if made.fault is not None
    }
    change = Changed(f"{shown} in place of keras.backend", parts=own)
    after = replace(after, changed=change)
    write(wanted, after, found, alone=False)
    known = {(f.code, f.weight, f.layer) for f in found}
    for finding in after.found:
        if (finding.code, finding.weight, finding.layer) not in known:
            finding.message = f"with {shown} in its place: {finding.message}"
            found.append(finding)
    found[:] = in_order(found)
    return again


def _report(
    model: keras.Model,
    x: Any,
    evidence: Evidence,
    seed: int,
    said: Sequence[str],
    found: list[Finding] | None = None,
    loss: str = "",
    target: str = "",
) -> Report:
    if found is None:
        found = findings(evidence)
    backend = keras.backend.backend()
    environment = {
        "constrainit": _own_version(),
        "keras": keras.__version__,
        "backend": backend,
        "backend_version": __import__(backend).__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "seed": seed,
        "batch": _shapes(x),
        "loss": loss,
        "model": model.name,
        "model_class": type(model).__name__,
        "weights": int(sum(np.prod(record.shape) for record in evidence.weights)),
        "assumed": tuple(said),
        "left_out": ("its own train_step",) if has_own_step(model) and not evidence.own else (),
        "target": target,
    }
    return Report(environment, evidence, tuple(found))


def _shapes(x):
    """The shapes of inputs, those with names in the order in which they stand."""
    if isinstance(x, (dict, list, tuple)):
        parts = x.values() if isinstance(x, dict) else x
        return [shape for part in parts for shape in _shapes(part)]
    return [list(np.shape(x))]


def _own_version():
    from constrainit import __version__

    return __version__
