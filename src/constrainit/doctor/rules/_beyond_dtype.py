"""Numbers in the user's own lines that the dtype of an operation can not hold."""

import math
import re

from constrainit.doctor.trace import Operation
from constrainit.doctor.trace._limits import largest

_NUMBER = re.compile(r"(?<![\w.)\]])(-?)\s*(\d[\d_]*\.?\d*(?:[eE][+-]?\d+)?)(?!\w)")


_HALVES = ("float16", "bfloat16")


def constant_beyond(operation: Operation) -> str:
    """What to write in place of a number that has become infinite, or an empty text.

    Asked of an operation that an operand enters as infinite, in a dtype of few numbers.
    """
    halves = operation.dtype in _HALVES
    infinite = [one for one in operation.operands if _is_lost(one, operation.dtype)]
    if not infinite or not halves:
        return ""
    bound, text = largest(operation.dtype), operation.source.text if operation.source else ""
    found = [sign + number for sign, number in _NUMBER.findall(text) if float(number) > bound]
    if found:
        said = f"{found[0]} is beyond {operation.dtype}"
    elif any(not one.data and not one.weights for one in infinite):
        said = f"a constant is beyond {operation.dtype}"
    else:
        return ""
    return (
        f"{said}, whose largest number is {bound:.5g}, and is infinite in it: take one that it "
        "holds, by ops.where(mask, scores, -1e4) rather than by a product, or let the layer "
        'compute in float32 (dtype="float32")'
    )


def _is_lost(operand, dtype):
    """Whether all of an operand's entries are infinite, or one number that is so in a dtype."""
    numbers = operand.numbers
    if numbers.size == 0 or numbers.minimum != numbers.maximum:
        return False
    beyond = dtype in _HALVES and abs(numbers.minimum) > largest(dtype)
    return math.isinf(numbers.minimum) or (beyond and not operand.data and not operand.weights)
