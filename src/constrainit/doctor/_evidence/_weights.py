"""What a probe measured of weights and of what enters layers."""

import math
from dataclasses import dataclass, field
from typing import Any

from constrainit.doctor._frames import Source
from constrainit.model import WeightRecord


@dataclass
class GradientEvidence:
    """The gradients of one trainable weight.

    Attributes:
        record: The weight.
        norm: Euclidean norm of the first one over finite entries; None if there is no gradient.
        nonfinite: How many entries of the first one are NaN or infinite.
        moved: How far the first update moves the weight, relative to its norm; None for zeros.
        later: The norms at the steps after it, 0.0 where there is no gradient.
        stride: The largest root mean square of an update, over the steps; infinite if a gradient
            that is finite has made an update that is not.
        still: Whether no update has moved the weight at all.
        used: Whether the loss changes with the weight, where that was asked.
        factor: Whether it is zero, and the loss changes with it only as others change, too.
    """

    record: WeightRecord
    norm: float | None
    nonfinite: int
    moved: float | None = None
    later: list[float] = field(default_factory=list)
    stride: float = 0.0
    still: bool = True
    used: bool | None = None
    factor: bool = False

    @property
    def never(self) -> bool:
        """Whether the weight has got no gradient, or zeros only, at every step."""
        return not self.norm and not self.nonfinite and bool(self.later) and not any(self.later)


@dataclass
class EntryEvidence:
    """How the loss depends on what enters a layer that is not Keras' own.

    Attributes:
        layer: The layer's name.
        kind: The layer's class.
        gradient: Norm of the loss's gradient there, None if the loss does not depend on it.
        leaves: The same at its outputs, the largest.
        stops: Whether the code of the layer says `stop_gradient`.
        swapped: Whether it says so in a straight-through estimator the wrong way round.
    """

    layer: str
    kind: str
    gradient: float | None
    leaves: float | None
    stops: bool
    swapped: bool = False


@dataclass(frozen=True)
class MadeEvidence:
    """Weights that are made anew each time that a layer is called.

    Attributes:
        layer: Name of the layer that runs then.
        kind: The class of the layer that gets the weights.
        count: How many numbers they hold.
        source: The user's own line.
    """

    layer: str
    kind: str
    count: int
    source: Source | None


@dataclass(frozen=True)
class PlainEvidence:
    """A tensor that a layer computes with and that is no weight.

    Attributes:
        holder: The layer.
        name: The attribute that it is.
        shape: Its shape.
        value: Its value.
        alone: Whether the model has nothing to train but biases.
        meant: Whether it was to be trained, as far as the layer tells.
    """

    holder: Any
    name: str
    shape: tuple[int, ...]
    value: Any
    alone: bool
    meant: bool


@dataclass(frozen=True)
class HiddenEvidence:
    """Trainable weights that the model does not know, though its outputs depend on them.

    Attributes:
        holder: The layer that computes with them.
        name: The attribute that holds them.
        kind: The class of the object that it is.
        parts: The layers and variables in it.
        places: Where these are, as expressions for the items of a list.
        numbers: How many numbers these weights are.
        function: What reads it from outside of the layer; empty where the layer itself holds it.
        steps: How many steps were taken without them and with; 0 where that was not asked.
        losses: The loss at the start, after steps that leave them, and that move them; or None.
    """

    holder: Any
    name: str
    kind: str
    parts: list[Any]
    places: list[str]
    numbers: int
    function: str = ""
    steps: int = 0
    losses: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class ComputedEvidence:
    """A tensor that a layer computes with in place of the weights that it once was computed from.

    Attributes:
        holder: The layer.
        name: The attribute that it is.
        records: The weights.
        lost: Those of them that the outputs do not depend on otherwise.
        source: The user's own line that computes it, None where that is not known.
        live: Whether it is the memory of a weight, and changes with it, also once it is loaded.
        reloaded: How far outputs move with what a layer computes there that is loaded from a file,
            where that is something else; else 0.
    """

    holder: Any
    name: str
    records: list[WeightRecord]
    lost: list[WeightRecord]
    source: Source | None
    live: bool = False
    reloaded: float = 0.0


@dataclass(frozen=True)
class GainEvidence:
    """How large a kernel starts, for what it is fed.

    Attributes:
        record: The weight.
        gain: Its deviation times the root of its fan-in: about one for draws of the usual size.
        center: Its mean over its deviation.
    """

    record: WeightRecord
    gain: float
    center: float


@dataclass(frozen=True)
class TightEvidence:
    """A bound so far below the start of a weight that the model does not train.

    Attributes:
        record: The weight.
        factor: How many times as wide a bound is with which it trains.
        bound: The argument that bounds it, as it is written.
        loss: The loss from a start inside, and after the steps.
        loss_wide: The same with the wider bound.
        steps: How many steps that were.
    """

    record: WeightRecord
    factor: float
    bound: str
    loss: tuple[float, float]
    loss_wide: tuple[float, float]
    steps: int


@dataclass(frozen=True)
class StuckEvidence:
    """A weight at the bound of its set, without any gradient from some step on.

    Attributes:
        record: The weight.
        step: After how many steps.
        bound: What all of its entries are then.
        looks: At how many steps there was none.
    """

    record: WeightRecord
    step: int
    bound: float
    looks: int


@dataclass(frozen=True)
class GraphConstantEvidence:
    """A tensor in the graph of a functional model that was computed from weights to train.

    Attributes:
        operation: The name of the operation that takes it.
        shape: Its shape.
        records: The weights of the model that it was computed from; none are others' weights.
        way_back: Whether PyTorch would go back through it.
    """

    operation: str
    shape: tuple[int, ...]
    records: list[WeightRecord]
    way_back: bool


@dataclass(frozen=True)
class WrittenOverEvidence:
    """A weight whose name in its layer the layer's call has given to a tensor.

    Attributes:
        record: The weight.
        name: The attribute that it was.
        source: The user's own line, None where that is not known.
    """

    record: WeightRecord
    name: str
    source: Source | None


@dataclass(frozen=True)
class AddedEvidence:
    """A weight in its set to which a layer adds trained ones, so that the sum is outside.

    Attributes:
        record: The weight that has the constraint.
        text: The sum, as it is written, in what is called with it alone.
        apart: How far the constraint moves an entry of the sum at most.
        source: The user's own line, None where that is not known.
    """

    record: WeightRecord
    text: str
    apart: float
    source: Source | None


@dataclass(frozen=True)
class PenaltyEvidence:
    """A weight with a penalty, where penalties are most of a loss of which only they fall.

    Attributes:
        record: The weight.
        share: The share of all penalties in the loss at the start.
        gradient: The norm of its gradient after the steps.
        of_data: The same without penalties.
        everywhere: The norm of the gradients of all weights after the steps.
        all_of_data: The same without penalties.
        left: Its norm after the steps, relative to that at the start.
        losses: The loss without penalties, at the start and after the steps.
    """

    record: WeightRecord
    share: float
    gradient: float
    of_data: float
    everywhere: float
    all_of_data: float
    left: float
    losses: tuple[float, float]

    @property
    def times(self) -> float:
        """How many times as large its gradient is with penalties as without."""
        return self.gradient / self.of_data if self.of_data > 0 else math.inf

    @property
    def times_of_all(self) -> float:
        """How many times as large the gradients of all weights are."""
        return self.everywhere / self.all_of_data if self.all_of_data > 0 else math.inf

    @property
    def scale(self) -> float:
        """The power of ten by which penalties have at most a tenth of the gradient of the data."""
        return 10.0 ** math.floor(math.log10(0.1 / min(self.times_of_all, 1e3)))
