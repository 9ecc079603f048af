"""A `train_step` that a model has of its own: one step of it, taken as `fit` takes it, and seen."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src.trainers.compile_utils import CompileLoss
from keras.src.trainers.data_adapters.data_adapter_utils import pack_x_y_sample_weight

from constrainit.doctor._blocks import move_of, size_of
from constrainit.doctor._clipped_scales import Left
from constrainit.doctor._own_optimizer import made_anew, scale_of
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import as_it_is, count_of
from constrainit.doctor._state import attribute, borrowed
from constrainit.doctor._statistics import Output, as_array, as_output, to_numpy
from constrainit.doctor.engines import engine


def has_own_step(model: keras.Model) -> bool:
    """Whether a model overrides `train_step`."""
    return type(model).train_step is not keras.Model.train_step


@dataclass
class Seen:
    """One step of a model's own.

    Attributes:
        reported: The numbers that it returns.
        gradients: For each variable that it hands to an optimizer, the norm of its gradient over
            finite entries and how many others there are; None where it has none.
        moved: For each trainable variable how far it moves, and its norm before.
        lost: The trainable variables that are not finite after it.
        outputs: What the layers gave, each as it was called with the most examples.
        between: How many numbers the layers gave.
        clipped: For each weight of a normalization that it clips after the optimizer is done, the
            bound.
        in_vain: The variables that it assigns to, and whose values it throws away.
    """

    reported: dict[str, float] = field(default_factory=dict)
    gradients: dict[int, tuple[float, int] | None] = field(default_factory=dict)
    moved: dict[int, tuple[float, float]] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    outputs: list[Output] = field(default_factory=list)
    between: int = 0
    clipped: dict[int, float] = field(default_factory=dict)
    in_vain: set[int] = field(default_factory=set)


class OwnStep:
    """The step of a model on one batch.

    Args:
        problem: The model, which is compiled, and what it is trained with.
    """

    def __init__(self, problem: Problem):
        self.problem, self.model, self.recording = problem, problem.model, problem.recording
        fed = [keras.tree.map_structure(_as_fed, v) for v in (problem.x, problem.given_y)]
        self.data = pack_x_y_sample_weight(*fed)
        self.optimizers: list[Any] = []

    @contextlib.contextmanager
    def lent(self) -> Iterator[Any]:
        """Everything that steps change comes back at the end, and by what it gives before it.

        After that it is as `fit` builds it before the first step. On PyTorch that tells the model
        of parameters that a part of it was built with, which `zero_grad` would not clear else.
        """
        with contextlib.ExitStack() as stack:
            for name, value in self._given():
                stack.enter_context(attribute(self.model, name, value))
            self.optimizers = optimizers_of(self.model)
            inner = [getattr(one, "inner_optimizer", None) for one in self.optimizers]
            kept = [getattr(self.model, name) for name in ("_compile_metrics", "_compile_loss")]
            also = [one for one in (*self.optimizers, *inner, *kept) if one is not None]
            stack.enter_context(engine().set_aside(self.model))
            put_back = stack.enter_context(borrowed(self.model, also))
            self._build()

            def again():
                put_back()
                self._build()

            yield again

    def _build(self):
        engine().build_for_fit(self.model, self.data)
        for optimizer in self.optimizers if self.problem.factor_of_own != 1 else ():
            optimizer.learning_rate = _rate(optimizer) * self.problem.factor_of_own

    def _given(self):
        """What was given in place of what the model was compiled with."""
        optimizer, loss = self.problem.given_optimizer, self.problem.given_loss
        if optimizer is not None:
            yield "optimizer", made_anew(keras.optimizers.get(optimizer))
        if loss is not None:
            yield "_compile_loss", CompileLoss(loss)

    @property
    def rate(self) -> float | None:
        """The learning rate, if all optimizers have the same one and none a schedule."""
        held = [getattr(one, "inner_optimizer", one) for one in self.optimizers]
        if any(not isinstance(one._learning_rate, keras.Variable) for one in held):
            return None
        rates = {_rate(one) for one in held}
        return rates.pop() if len(rates) == 1 else None

    def trace(self) -> None:
        """Traces the step as `fit` compiles it; what it raises goes on."""
        engine().trace_own_step(self.model, self.data)

    def take(self) -> Seen:
        """Takes one step."""
        trainable = self.model.trainable_variables
        before = {id(v): np.array(as_array(v)) for v in trainable}
        seen = Seen()
        self.model.reset_metrics()
        self.problem.before_own()
        left = Left(self.model)
        with contextlib.ExitStack() as stack:
            outputs = stack.enter_context(self.recording.of(as_it_is, _look, anywhere=True))
            for optimizer in self.optimizers:
                note = _noting(optimizer, seen.gradients, left)
                stack.enter_context(attribute(optimizer, "apply", note))
            reported, in_vain = engine().own_step(self.model, self.data)
        seen.in_vain = {id(variable) for variable in in_vain}
        if self.problem.spares_normalizations:
            left.put_back()
        seen.clipped = left.clipped()
        self.problem.after_own()
        seen.reported = dict(_numbers("", reported or {}))
        seen.outputs = _widest(self.recording.named, outputs)
        seen.between = sum(count for _, count, _ in outputs)
        for variable in trainable:
            after = as_array(variable)
            if id(variable) in before:
                size = size_of(before[id(variable)])[0]
                seen.moved[id(variable)] = (move_of(before[id(variable)], after)[0], size)
            if size_of(after)[1]:
                seen.lost.add(id(variable))
        return seen


def _as_fed(part):
    """`fit` brings arrays of float64 to the float type of Keras."""
    if part is None or keras.backend.standardize_dtype(part.dtype) != "float64":
        return part
    return ops.cast(part, keras.config.floatx())


def optimizers_of(model: keras.Model) -> list[Any]:
    """The optimizers that a model and its parts hold, in attributes, lists and dictionaries."""
    found = {}
    for layer in model._flatten_layers():
        for value in vars(layer).values():
            parts = value.values() if isinstance(value, dict) else value
            for part in parts if isinstance(value, (dict, list, tuple)) else [value]:
                if isinstance(part, keras.optimizers.Optimizer):
                    found[id(part)] = part
    return list(found.values())


def _rate(optimizer):
    return float(to_numpy(optimizer.learning_rate))


def _noting(optimizer, gradients, left):
    """`optimizer.apply`, which notes what it is handed, and what it leaves."""
    apply = optimizer.apply

    def note(grads, trainable_variables=None, **named):
        grads = list(grads)
        of = optimizer._trainable_variables if trainable_variables is None else trainable_variables
        variables = list(of)
        for variable, gradient in zip(variables, grads, strict=False):
            gradients[id(variable)] = _size(gradient, scale_of(optimizer))
        given = variables if trainable_variables is not None else None
        done = apply(grads, given, **named)
        left.note()
        return done

    return note


def _size(gradient, scale):
    if gradient is None:
        return None
    try:
        norm, lost = size_of(as_array(gradient))
    # In a step that compiles itself there are no numbers yet.
    except Exception:
        return float("nan"), 0
    return norm / scale, lost


def _look(value, activation):
    return int(value.shape[0] or 0), count_of(value), engine().look(value, activation)


def _widest(named, outputs):
    """The outputs of each layer for the most examples, or the first that is not finite."""
    found: dict[str, tuple[int, Output]] = {}
    for name, (examples, _, kept) in zip(named, outputs, strict=True):
        numbers = engine().looked(kept)
        if numbers is None:
            continue
        layer, kind, activation = name
        output = as_output(layer, kind, activation, numbers)
        known = found.get(output.layer)
        broken = output.nonfinite and not (known and known[1].nonfinite)
        if known is None or broken or (examples > known[0] and not known[1].nonfinite):
            found[output.layer] = (examples, output)
    return [output for _, output in found.values()]


def _numbers(name, reported):
    """The numbers in what a step returns, by name."""
    if isinstance(reported, dict):
        for key, value in reported.items():
            yield from _numbers(f"{name}/{key}" if name else str(key), value)
        return
    try:
        yield name, float(np.mean(to_numpy(reported)))
    # A step may return anything beside numbers.
    except Exception:
        return
