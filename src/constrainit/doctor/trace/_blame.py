"""From a result that is not finite back to the step where that began."""

from collections.abc import Iterable

from constrainit.doctor._statistics import Numbers
from constrainit.doctor.trace._operation import Operand, Operation
from constrainit.doctor.trace._record import Recorder, Step, Value

_NOTHING = Numbers(float("nan"), float("nan"), float("nan"), 0, 0)


def first_fault(targets: Iterable[Value]) -> Step | None:
    """The first step that made something non-finite which reached one of `targets`.

    Only what the targets were computed from is followed, and of it only what is not finite: an
    infinite mask that a softmax consumed, or an infinity that `where` dropped, is not met on the
    way. NaN is followed before infinity. An infinite constant is at fault only through the step
    that turns it into NaN. A batch or a weight that is not finite itself is no operation's fault.
    """
    made: list[Step] = []
    turned: list[Step] = []
    seen: set[int] = set()
    todo = [value for value in targets if value.nonfinite]
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        step = value.maker
        if step is None:
            if value.weight or value.data:
                return None
            continue
        causes = _causes(step, value)
        if not causes:
            made.append(step)
        elif value.nan and not any(cause.nan for cause in causes):
            turned.append(step)
        todo += causes
    return min(made or turned, key=lambda step: step.index, default=None)


def _causes(step: Step, value: Value) -> list[Value]:
    """The operands of a step through which `value` became non-finite."""
    spoiled = [operand for operand in step.operands if operand.nonfinite]
    if not spoiled and step.forward is not None:
        spoiled = [operand for operand in step.forward.operands if operand.nonfinite]
    lost = [operand for operand in spoiled if operand.nan]
    return lost if value.nan and lost else spoiled


def as_operation(recorder: Recorder, step: Step) -> Operation:
    """A step in the words of the report."""
    step = _named_for_its_reduction(step)
    numbers = iter(step.shown)
    at = step.forward or step
    operands = []
    for value in at.operands:
        weights, data = _entered(value, at)
        operands.append(Operand(next(numbers, _NOTHING), weights, data))
    return Operation(
        step.name,
        step.place.stage,
        recorder.layer(step),
        tuple(operands),
        step.outcome or _NOTHING,
        step.place.source,
        step.limit,
        step.place.called,
        step.dtype,
    )


def _named_for_its_reduction(step: Step) -> Step:
    """Where a sum of float16 is taken in float32 and cast back, it is the sum that overflows."""
    if step.name != "cast" or not step.operands:
        return step
    reduction = step.operands[0].maker
    while reduction is not None and reduction.name in _SHAPES and reduction.operands:
        reduction = reduction.operands[0].maker
    if reduction is None or reduction.name not in _REDUCTIONS or not reduction.operands:
        return step
    narrow = [_before_its_cast(operand) for operand in reduction.operands]
    if narrow[0] is reduction.operands[0]:
        return step
    # What was noted of the cast are the numbers of the sum.
    step.name, step.operands, step.shown = reduction.name, narrow, ()
    return step


def _before_its_cast(value: Value) -> Value:
    maker = value.maker
    return maker.operands[0] if maker and maker.name == "cast" and maker.operands else value


_REDUCTIONS = ("sum", "mean", "matmul", "convolution", "norm", "cumsum", "product")
_SHAPES = ("reshape",)


def _entered(value: Value, step: Step) -> tuple[tuple[str, ...], bool]:
    """The weights and whether data entered `value` since the innermost layer was entered."""
    inside = step.place.calls[-1] if step.place.calls else None
    weights, data, seen, todo = set(), False, set(), [value]
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        maker = value.maker
        if value.weight:
            weights.add(value.weight)
        elif maker is None:
            data = data or value.data
        elif _is_inside(maker, inside, step):
            todo += maker.operands
        else:
            data = True
    return tuple(sorted(weights)), data


def has_weights(value: Value) -> bool:
    """Whether a value was computed from a weight of the model, in whichever layer."""
    seen, todo = set(), [value]
    while todo:
        value = todo.pop()
        if value.weight:
            return True
        if id(value) not in seen and value.maker is not None:
            todo += value.maker.operands
        seen.add(id(value))
    return False


def _is_inside(maker: Step, inside: tuple[int, int] | None, step: Step) -> bool:
    if inside is not None:
        return inside in maker.place.calls
    return maker.place.stage == step.place.stage


def first_fault_of_constraint(results: Iterable[Value]) -> Step | None:
    """As `first_fault`, or an overflow by which the weights were then divided: to zero."""
    results = list(results)
    found = first_fault(results)
    seen: set[int] = set()
    todo = [value.maker for value in results if found is None]
    while todo:
        step = todo.pop()
        if step is None or id(step) in seen:
            continue
        seen.add(id(step))
        if step.name == "divide" and len(step.operands) > 1:
            fault = first_fault([step.operands[1]])
            if fault is not None and fault.name in _GROWING and "overflow" in fault.limit:
                return fault
        todo += [operand.maker for operand in step.operands]
    return found


_GROWING = (*_REDUCTIONS, "square", "multiply", "power", "add", "cast")
