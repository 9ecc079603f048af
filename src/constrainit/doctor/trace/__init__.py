"""The operation that first makes something non-finite, on each backend.

It runs only when something is known to be non-finite, and takes seconds: every operation of one
step is run by itself and noted, forward and backward. The last non-finite results (the loss, else
the gradients, else a NaN in the predictions) are then followed back through what was noted, and the
earliest operation that made something non-finite of finite operands is the one at fault.
"""

import importlib
from typing import Any

import keras

from constrainit.doctor.trace._blame import as_operation, has_weights
from constrainit.doctor.trace._operation import Operand as Operand
from constrainit.doctor.trace._operation import Operation as Operation
from constrainit.doctor.trace._record import Recorder

__all__ = ["Operand", "Operation", "locate", "locate_constraint", "lossy", "negated"]


def locate(problem: Any) -> Operation | None:
    """The first operation of a training step that makes something non-finite.

    Looks at the forward pass, the loss and the gradients, at the present weights of the problem's
    model, which comes back as it was, with all random state.

    Args:
        problem: A `Problem` whose loss is set.

    Returns:
        The operation; None if everything is finite, or it can not be located: where the batch or a
        weight is not finite itself, or the model raises elsewhere.
    """
    return _tracer().locate(problem)


def lossy(problem: Any) -> list[Operation]:
    """The operations of the forward pass and the loss that lose what they are given, in order.

    Such as overflow, which something finite may be made of afterwards, or give zeros alone by
    underflow, or the limits of a sigmoid alone. A loop of JAX is one operation here.

    Args:
        problem: As in `locate`.
    """
    # It takes a problem, whose module takes this one.
    from constrainit.doctor.trace._run import untouched

    recorder = Recorder(lossy=True)
    with untouched(problem.model):
        _tracer().forward(problem, recorder)
    return [as_operation(recorder, step) for step in recorder.lost]


def negated(problem: Any) -> tuple[Operation, int] | None:
    """The first product in the loss of errors with numbers of the batch that are partly negative.

    Errors are what is computed from weights and is nowhere below zero; the numbers are computed
    from none. Also given is their place among the operands.

    Args:
        problem: As in `locate`.
    """
    from constrainit.doctor.trace._run import untouched

    recorder = Recorder(products=True)
    with untouched(problem.model):
        _tracer().forward(problem, recorder)
    for step in recorder.multiplied:
        learnt = [has_weights(operand) for operand in step.operands]
        if learnt.count(True) != 1:
            continue
        index = learnt.index(False)
        factor, errors = step.shown[index], step.shown[1 - index]
        if factor.minimum < 0 <= errors.minimum and errors.maximum > 0:
            return as_operation(recorder, step), index
    return None


def locate_constraint(constraint: Any, variable: keras.Variable, value: Any) -> Operation | None:
    """The first operation inside of a constraint that makes something non-finite.

    Also one whose overflow the constraint then divides by, which makes zeros of the weights.

    Args:
        constraint: A callable, as Keras would call it.
        variable: The variable that it is called with; it comes back as it was.
        value: What the variable holds for the call.

    Returns:
        The operation, or None as in `locate`.
    """
    return _tracer().locate_constraint(constraint, variable, value)


def _tracer() -> Any:
    return importlib.import_module(f"constrainit.doctor.trace._{keras.backend.backend()}")
