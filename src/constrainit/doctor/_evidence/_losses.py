"""What a probe measured of the batch, the loss and how it answers to the model."""

from dataclasses import dataclass, field
from typing import Any

from constrainit.doctor._frames import Source
from constrainit.doctor._statistics import Output
from constrainit.doctor.trace import Operation
from constrainit.model import WeightRecord


@dataclass
class DataEvidence:
    """One array of the batch in a few numbers, over its finite entries.

    Attributes:
        name: `"x"` or `"y"`, with its place where there are several.
        integer: Whether it holds whole numbers by its dtype.
        mean: The mean.
        deviation: The standard deviation.
        low: The least entry.
        high: The largest entry.
        nonfinite: How many entries are NaN or infinite.
        size: How many entries there are.
        varies: Whether not all examples are the same, as they are in a batch of one.
    """

    name: str
    integer: bool
    mean: float
    deviation: float
    low: float
    high: float
    nonfinite: int
    size: int
    varies: bool = True


@dataclass
class LossEvidence:
    """What is known of the loss of one output.

    Attributes:
        name: Its name.
        layer: Name of the layer that the output comes out of, or an empty string.
        logits: Whether it takes logits, None if that is no question for it.
        classes: Number of classes that sparse labels may name, None for other losses.
        activation: The activation that the output comes out of, or an empty string.
        low: The least value that the output can have.
        high: The largest value that the output can have.
        why: What bounds it, in a few words.
        predicted: The first predictions, None if there are none.
        target: The targets.
        pairs: Whether each target is compared with the predictions of all examples.
        each: How many predictions of an example its one target is compared with, if there are more.
        units: How many units of the last layer its one target is compared with, if there are more.
        along: Name of the layer that gives them, or an empty string.
        zeros: By how much more an error counts at targets near zero; 0 if it does not.
        frames: For labels that are aligned with steps: how many steps there are; 0 for others.
        needed: How many steps the longest of these labels needs.
        short: For how many examples the steps do not suffice.
        passed_over: Share of the targets, all zero, that the loss does not look at.
        floor: The least cross-entropy that its logits can give, whatever the weights are.
        apart: How far they can be apart.
        goals: Whether predictions are to be what the targets are: another loss may read otherwise.
        below: The least output after the steps, where it is negative although no target is, nor
            may a weight of the last layer be; else 0.
        other: The place of the output whose targets it is given, if it has got its labels.
        columns: How many columns of targets are compared with its one unit, if there are more.
        numbered: How many columns it takes where the targets are numbers of classes; else 0.
        first: What these are counted from, where they do not fit from zero on.
        spread: How many columns the targets have where it takes the numbers of the classes; else 0.
        empty: How many columns targets have whose first one, of no class, is too many; else 0.
        single: Whether it shares one between the classes, and there is one unit only.
        layout: The shape of an example's predictions, where its targets are as many in another one,
            so that each is compared with all of the others.
        reaches: Whether its ends are as far as it goes however large the weights are.
        held: The first weight whose constraint bounds it then; empty if there is none.
    """

    name: str
    layer: str
    logits: bool | None
    classes: int | None
    activation: str
    low: float
    high: float
    why: str
    predicted: Output | None
    target: DataEvidence
    pairs: bool = False
    each: int = 1
    units: int = 1
    along: str = ""
    zeros: float = 0.0
    frames: int = 0
    needed: int = 0
    short: int = 0
    passed_over: float = 0.0
    floor: float = 0.0
    apart: float = 0.0
    goals: bool = True
    below: float = 0.0
    other: int | None = None
    columns: int = 1
    numbered: int = 0
    first: int = 0
    spread: int = 0
    empty: int = 0
    single: bool = False
    layout: tuple[int, ...] = ()
    reaches: bool = False
    held: str = ""


@dataclass(frozen=True)
class BeyondEvidence:
    """A table that is asked for rows that it does not have.

    Attributes:
        layer: The layer's name.
        low: The least index.
        high: The largest index.
        rows: How many rows there are.
    """

    layer: str
    low: int
    high: int
    rows: int


@dataclass(frozen=True)
class FallingEvidence:
    """How the targets go against a model that can only rise.

    Attributes:
        record: The first kernel of those that may not be negative.
        share: The share of the targets' differences that goes the other way.
        pairs: The number of pairs of examples that tell it.
    """

    record: WeightRecord
    share: float
    pairs: int


@dataclass(frozen=True)
class NegatedEvidence:
    """A product in the loss of errors with numbers that are partly negative.

    Attributes:
        operation: The product.
        index: The place of these numbers among its operands.
    """

    operation: Operation
    index: int


@dataclass(frozen=True)
class RoundingEvidence:
    """What the last bit of every weight does to the loss.

    Attributes:
        change: The change of the loss, relative to it.
        layer: The first layer whose output changes visibly, or an empty string.
    """

    change: float
    layer: str


@dataclass(frozen=True)
class KinkEvidence:
    """What it does to a loss that the corners of activations are made round.

    Attributes:
        layers: The layers whose activation is of straight pieces.
        rounder: The change of the loss, relative to it.
        change: The same where the corners are ten times sharper.
    """

    layers: list[str]
    rounder: float
    change: float


@dataclass(frozen=True)
class NormEvidence:
    """A layer that trains with the statistics of each batch and predicts with moving ones.

    Attributes:
        layer: Its name.
        momentum: What each call keeps of them.
        calls: How often a pass calls it.
        apart: How far the mean of half of its units is, in the call that is farthest, from that of
            the moving statistics once they have settled, in deviations of that call.
        sizes: The deviation of its median unit, for each call.
        settled: The means and variances that the moving ones settle at.
    """

    layer: str
    momentum: float
    calls: int
    apart: float
    sizes: list[float]
    settled: Any


@dataclass(frozen=True)
class MovingEvidence:
    """What moving statistics make of the loss of the batch after the steps.

    Attributes:
        norms: The layers that keep them.
        losses: The loss in training, with nothing dropped; in prediction; and in prediction once
            the moving statistics have settled.
    """

    norms: list[NormEvidence]
    losses: tuple[float, float, float]


@dataclass
class OwnEvidence:
    """What the steps of a model's own `train_step` tell beside what any steps do.

    Attributes:
        steps: How many were taken.
        reported: The numbers that they return, by name, one for each step.
        bad: Which of the losses among them the last step gave as NaN or infinite.
        odd: Which of the others were ever so.
        ruined: The weights that the last step made NaN or infinite, with finite gradients.
        handed: The trainable weights that they hand to an optimizer of Keras, by path.
        moved: The trainable weights that they move, by path.
        outside: Weights that they move and leave outside of their sets, and how far.
        adding_up: Weights whose gradients are added to those of the step before, by path.
        pairs: Whether targets `(batch,)` may change places against predictions `(batch, 1)`,
            although the step depends on them.
        clipped: The weights of normalizations that the last step clips once the optimizer is done,
            with the bound.
        spared: The last loss as they are and as the optimizer leaves them, and after how many
            steps; None if there is no single loss.
        in_vain: The weights that a step assigns to, and throws the values of away.
        as_usual: Whether the step of `keras.Model` gives the same losses: then all that is known
            of that step holds for them, too.
        source: Where the step is written.
    """

    steps: int = 0
    reported: dict[str, list[float]] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    ruined: list[str] = field(default_factory=list)
    handed: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    outside: list[tuple[WeightRecord, float]] = field(default_factory=list)
    adding_up: list[str] = field(default_factory=list)
    pairs: bool = False
    clipped: list[tuple[WeightRecord, float]] = field(default_factory=list)
    spared: tuple[float, float, int] | None = None
    in_vain: list[WeightRecord] = field(default_factory=list)
    as_usual: bool = False
    source: Source | None = None
