"""The operation at fault, as the rest of the doctor sees it."""

from dataclasses import dataclass

from constrainit.doctor._frames import Source
from constrainit.doctor._statistics import Numbers

STAGES = ("forward", "loss", "gradients", "constraint")


@dataclass(frozen=True)
class Operand:
    """What went into an operation.

    Attributes:
        numbers: Its range, with infinities and without NaN, and how much of it is not finite.
        weights: Paths of the variables that it was computed from since the innermost running
            layer was entered.
        data: Whether what the layer was given (in a loss: targets or predictions) entered it, too.
    """

    numbers: Numbers
    weights: tuple[str, ...]
    data: bool


@dataclass(frozen=True)
class Operation:
    """The first operation that makes something non-finite of finite operands.

    In the backward pass it is the operation that was differentiated: `operands` are what it was
    differentiated at, and `result` is the derivative that is not finite.

    Attributes:
        name: One word for all backends, such as `log`, `divide`, `matmul`, `cast`.
        stage: One of `STAGES`.
        layer: Name of the innermost layer whose call was running; "" in a loss or constraint.
        operands: What went in.
        result: What came out.
        source: The user's own line, None if Keras' code alone led there.
        limit: What can not be computed there, in words.
        called: The function of Keras that this line called, such as `keras.ops.sqrt`, or "".
        dtype: What it was computed in.
    """

    name: str
    stage: str
    layer: str
    operands: tuple[Operand, ...]
    result: Numbers
    source: Source | None
    limit: str
    called: str = ""
    dtype: str = ""

    def __str__(self) -> str:
        where = f" in layer {self.layer!r}" if self.layer else f" in the {self.stage}"
        line = f", {self.source}" if self.source else ""
        return f"{self.name}{where}: {self.limit}{line}"
