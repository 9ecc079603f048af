"""PyTorch: every operation as it is dispatched, and every node of the backward pass by its hook."""

import sys
from typing import Any

import keras
import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from constrainit.doctor._statistics import numbers
from constrainit.doctor.trace import _blame
from constrainit.doctor.trace._limits import derivative_limit
from constrainit.doctor.trace._names import canonical
from constrainit.doctor.trace._operation import Operation
from constrainit.doctor.trace._record import Place, Recorder, Seen, Step, Value
from constrainit.doctor.trace._run import entered, run, running_frames, untouched, user_line

# Operations of which a number may be an operand that decides whether there is a result.
_WITH_NUMBERS = ("power", "divide", "multiply", "subtract", "add", "remainder")


def locate(problem: Any) -> Operation | None:
    """As `constrainit.doctor.trace.locate`."""
    recorder = Recorder()
    with untouched(problem.model):
        mode, loss, predictions = forward(problem, recorder)
        last = mode.value(loss)
        if last.nonfinite:
            step = _blame.first_fault([last])
        else:
            weights = [v.value for v in problem.trainable]
            step = _backward(mode, recorder, loss, weights)
            if step is None:
                outputs = [mode.value(one) for one in keras.tree.flatten(predictions)]
                step = _blame.first_fault([one for one in outputs if one.nan])
        return None if step is None else _blame.as_operation(recorder, step)


def forward(problem: Any, recorder: Recorder) -> Any:
    """Notes a forward pass and the loss; gives what a backward pass begins with."""
    mode = _Noting(recorder)
    for variable in [*problem.trainable, *problem.others]:
        mode.know(variable.value, Value(flags_of(variable.value), weight=variable.path))
    for part in keras.tree.flatten((problem.x, problem.y)):
        mode.know(part, Value(flags_of(part), data=True))
    with mode:
        return mode, *entered(run, problem, recorder, problem.x, problem.y)


def locate_constraint(constraint: Any, variable: Any, value: Any) -> Operation | None:
    """As `constrainit.doctor.trace.locate_constraint`."""
    recorder = Recorder()
    copy = keras.Variable(value, dtype=variable.dtype, name=variable.name)
    mode = _Noting(recorder)
    mode.know(copy.value, Value(flags_of(copy.value), weight=variable.path))
    with torch.no_grad(), recorder.during("constraint"), mode:
        found = keras.ops.convert_to_tensor(entered(constraint, copy))
    step = _blame.first_fault_of_constraint([mode.value(found)])
    return None if step is None else _blame.as_operation(recorder, step)


def flags_of(tensor: Any) -> tuple[bool, bool]:
    """Whether a tensor holds anything that is not finite, and whether a NaN."""
    if not torch.is_tensor(tensor) or not tensor.dtype.is_floating_point:
        return False, False
    held = tensor.detach()
    if bool(torch.isfinite(held).all()):
        return False, False
    return True, bool(torch.isnan(held).any())


def seen(tensor: Any) -> Seen:
    """A tensor or a number as the recorder takes it."""
    if not torch.is_tensor(tensor):
        return Seen((False, False), "float32", lambda: np.asarray(tensor, "float64"))
    name = str(tensor.dtype).removeprefix("torch.")
    return Seen(flags_of(tensor), name, lambda: _as_float64(tensor))


def _as_float64(tensor):
    return tensor.detach().to(torch.float64).cpu().numpy()


class _Noting(TorchDispatchMode):
    """Notes every operation that is dispatched while it is on."""

    def __init__(self, recorder: Recorder):
        super().__init__()
        self.recorder = recorder
        self._values: dict[int, Value] = {}
        self._kept: list[Any] = []
        self.made: list[tuple[Step, list[Any], list[Any]]] = []

    def know(self, tensor: Any, value: Value) -> None:
        """What a tensor is known as."""
        self._values[id(tensor)] = value
        # Its identity must not go to another tensor.
        self._kept.append(tensor)

    def value(self, tensor: Any) -> Value:
        """What a tensor is known as, or a constant."""
        found = self._values.get(id(tensor))
        if found is None:
            found = Value(flags_of(tensor))
            if torch.is_tensor(tensor):
                self.know(tensor, found)
        return found

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = canonical(func.overloadpacket.__name__)
        given = [one for one in tree_leaves((args, kwargs)) if _is_operand(one, name)]
        known = [self.value(one) for one in given]
        shown = [seen(one) for one in given]
        outcome = func(*args, **kwargs)
        results = [one for one in tree_leaves(outcome) if torch.is_tensor(one)]
        source, called = user_line(running_frames(sys._getframe(1)))
        place = Place(self.recorder.stage, tuple(self.recorder.running), source, called)
        step = self.recorder.step(
            name, place, known, shown, [seen(one) for one in results],
            lambda: _in_float64(func, args, kwargs),
        )  # fmt: skip
        for one, value in zip(results, step.values, strict=True):
            self.know(one, value)
        self.made.append((step, given, results))
        return outcome


def _is_operand(one, name):
    number = isinstance(one, (int, float)) and not isinstance(one, bool)
    return torch.is_tensor(one) or (number and name in _WITH_NUMBERS)


def _in_float64(func, args, kwargs):
    """What an operation gives where nothing overflows."""

    def wide(one):
        floats = torch.is_tensor(one) and one.dtype.is_floating_point
        return one.detach().double() if floats else one

    found = func(*tree_map(wide, args), **{k: v for k, v in kwargs.items() if k != "dtype"})
    return _as_float64(next(one for one in tree_leaves(found) if torch.is_tensor(one)))


def _backward(mode, recorder, loss, weights):
    """The first derivative that is not finite of finite ones, and reaches a weight."""
    if not loss.requires_grad:
        return None
    of_node, nodes = {}, []
    for step, given, results in mode.made:
        for one in results:
            if one.grad_fn is not None and one.grad_fn not in of_node:
                of_node[one.grad_fn] = (step, given)
    ran: dict[Any, tuple[int, bool, tuple[Any, ...]]] = {}

    def noted(node):
        def hook(below, above):
            spoiled = any(flags_of(one)[0] for one in above)
            bad = any(flags_of(one)[0] for one in below)
            ran[node] = (len(ran), spoiled, tuple(below) if bad else ())

        return hook

    todo, met = [loss.grad_fn], set()
    while todo:
        node = todo.pop()
        if node is None or node in met:
            continue
        met.add(node)
        nodes.append(node.register_hook(noted(node)))
        todo += [after for after, _ in node.next_functions]
    try:
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    finally:
        for handle in nodes:
            handle.remove()
    if not any(g is not None and flags_of(g)[0] for g in gradients):
        return None
    at_fault = [(at, node) for node, (at, spoiled, below) in ran.items() if below and not spoiled]
    for _, node in sorted(at_fault, key=lambda pair: pair[0]):
        below = ran[node][2]
        if node in of_node and _reaches_a_weight(node, below, ran):
            step, given = of_node[node]
            # An infinity of the forward pass that its results have hidden comes out here.
            hidden = _blame.first_fault(step.operands)
            return hidden or _derivative(recorder, step, given, below)
    return None


def _reaches_a_weight(node, below, ran):
    """Whether what is not finite goes on to where gradients are gathered."""
    bad = [flags_of(one)[0] for one in below]
    todo = [after for (after, _), lost in zip(node.next_functions, bad, strict=True) if lost]
    met = set()
    while todo:
        one = todo.pop()
        if one is None or one in met:
            continue
        met.add(one)
        if not one.next_functions:
            return True
        found = ran.get(one)
        if found is not None and found[2]:
            lost = [flags_of(part)[0] for part in found[2]]
            todo += [a for (a, _), is_lost in zip(one.next_functions, lost, strict=True) if is_lost]
    return False


def _derivative(recorder, step, given, below):
    """The derivative of a step, by the operand for which it is not finite."""
    tensors = [one for one in given if torch.is_tensor(one)]
    results: list[Any] = [None] * len(given)
    for place, gradient in enumerate(below):
        if gradient is None:
            continue
        at = _operand(given, tensors, place, gradient)
        if at is not None:
            results[at] = seen(gradient)
    found = recorder.derivative(step, [Value()], results)
    if found.bad is not None:
        arrays = [np.asarray(seen(one).array()) for one in given]
        found.shown = tuple(map(numbers, arrays))
        at, bad = found.bad
        found.limit = derivative_limit(step.name, arrays, at, bad, found.dtype)
    return found


def _operand(given, tensors, place, gradient):
    """The place among the operands that a gradient belongs to."""
    if len(tensors) > place and tuple(tensors[place].shape) == tuple(gradient.shape):
        wanted = tensors[place]
    else:
        wanted = next((t for t in tensors if tuple(t.shape) == tuple(gradient.shape)), None)
    return next((at for at, one in enumerate(given) if one is wanted), None)
