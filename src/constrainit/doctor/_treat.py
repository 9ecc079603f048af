"""Treatments: a change to the borrowed model, and the same look at it again."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras

from constrainit._obey import prepare
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._finding import Finding, Treatment
from constrainit.doctor._probe import probe
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import borrowed
from constrainit.doctor.rules import findings
from constrainit.doctor.rules.cw201_constraint_raises import missing_backend_name
from constrainit.model import walk, wrong_axes
from constrainit.sets import as_set

_START = ("CW101", "CW102", "CW401", "CW402", "CW403", "CW501", "CW502")


@contextlib.contextmanager
def keras_ops_for(names: set[str]) -> Iterator[None]:
    """`keras.backend` has the given functions of `keras.ops` for a while."""
    for name in names:
        setattr(keras.backend, name, getattr(keras.ops, name))
    try:
        yield
    finally:
        for name in names:
            delattr(keras.backend, name)


def missing_names(evidence: Evidence) -> set[str]:
    """The functions of Keras 2 that constraints asked `keras.backend` for."""
    faults = [made.fault for made in evidence.constraints if made.fault is not None]
    return {name for name in map(missing_backend_name, faults) if name}


@dataclass(frozen=True)
class _Treating:
    codes: tuple[str, ...]
    change: str
    apply: Callable[[keras.Model, int], Any]
    brings: tuple[str, ...] = ()
    """Findings that the way of trying brings with it, not the change itself."""


def _start_inside(model, seed):
    prepare(model, seed=seed)


def _along_the_right_axes(model, seed):
    for record in walk(model):
        if record.constraint is not None and wrong_axes(record) is not None:
            a_set = as_set(record.constraint)
            arguments = {**a_set._arguments(), "axis": list(record.axes or ())}
            record.variable.constraint = type(a_set)(**arguments)
    prepare(model, seed=seed)


def _call_what_it_defines(model, seed):
    for variable in model.trainable_variables:
        own = type(variable.constraint).__dict__.get("call")
        if own is not None and "__call__" not in type(variable.constraint).__dict__:
            variable.constraint = variable.constraint.call
    prepare(model, seed=seed)


def _attach(model, seed):
    for record in walk(model):
        held = getattr(record.layer, f"{record.argument}_constraint", None)
        if held is not None and record.constraint is None:
            record.variable.constraint = record.resolved(held)
    prepare(model, seed=seed)


_TREATMENTS = (
    _Treating(
        ("CW206",),
        "the method `call` is run as `__call__`",
        _call_what_it_defines,
        brings=("CW208",),  # Keras can not save a bound method
    ),
    _Treating(("CW209",), "the constraint is attached, and the weight starts inside", _attach),
    _Treating(("CW301",), "the axes of each unit, and a start inside", _along_the_right_axes),
    _Treating(_START, "every weight starts inside its set", _start_inside),
)


def treat(problem: Problem, evidence: Evidence, found: list[Finding]) -> None:
    """Tries what there is for the findings and writes the result into them."""
    for treating in _TREATMENTS:
        wanted = [f for f in found if f.code in treating.codes and f.counts and not f.treatment]
        if treating.codes == _START and not any(f.code == "CW101" for f in wanted):
            continue
        if not wanted:
            continue
        with borrowed(problem.model):
            try:
                treating.apply(problem.model, problem.seed)
            # The constraint can not be applied at all; its own finding says why.
            except Exception:
                continue
            after = probe(problem)
            write(wanted, treating.change, found, after, brings=treating.brings)


def write(
    wanted: list[Finding],
    change: str,
    found: list[Finding],
    after: Evidence,
    alone: bool = True,
    brings: tuple[str, ...] = (),
) -> None:
    """Puts what a treatment did into the findings that it was for.

    With `alone`, a finding is healed only if nothing new, but for what `brings` names, has come up
    beside it.
    """
    known = {(f.code, f.weight, f.layer) for f in found}
    now = {(f.code, f.weight, f.layer): f for f in findings(after) if f.counts}
    news = [key for key in now if key not in known and key[0] not in brings]
    for finding in wanted:
        key = (finding.code, finding.weight, finding.layer)
        finding.treatment = Treatment(
            change=change,
            before=_shown(finding.evidence),
            after=_shown(now[key].evidence) if key in now else _measured(finding, after),
            healed=key not in now and not (alone and news),
        )


def _shown(evidence):
    return {name: value for name, value in evidence.items() if not isinstance(value, list)}


def _measured(finding, evidence):
    """The numbers of a finding, read off the evidence of a model that no longer has it."""
    numbers: dict[str, Any] = {}
    for made in evidence.constraints:
        if made.record.path == finding.weight:
            numbers = {
                "violation": made.violation, "share_moved": made.share_moved, "jump": made.jump,
                "step": made.step, "gradient_part": made.update, **made.units,
                "exception": "none", "nonfinite": 0,
            }  # fmt: skip
    outputs = evidence.outputs if finding.stage == "forward" else evidence.outputs_after
    for output in outputs:
        if output.layer == finding.layer and not finding.weight:
            numbers = {
                "nonfinite_share": output.nonfinite, "saturated_share": output.saturated,
                "dead_share": output.dead, "mean": output.mean,
            }  # fmt: skip
    numbers.setdefault("loss", evidence.loss)
    return {name: numbers[name] for name in _shown(finding.evidence) if name in numbers}
