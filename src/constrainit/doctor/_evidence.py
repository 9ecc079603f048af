"""What a probe of a model measured. Rules read it; nothing here judges."""

import math
from dataclasses import dataclass, field
from typing import Any

from constrainit.doctor._frames import Fault, Source
from constrainit.doctor._statistics import Numbers, Output
from constrainit.doctor.trace import Operation
from constrainit.model import WeightRecord

STAGES = (
    "build", "forward", "loss", "gradients", "constraints", "first step", "second forward",
    "training",
)  # fmt: skip


@dataclass
class ConstraintEvidence:
    """One constrained weight: its values before and after its constraint.

    Distances are relative to the norm of the initial weight.

    Attributes:
        record: The weight.
        text: The constraint in one line.
        custom: Whether the constraint is the user's own, of which only the values are known.
        start: The initial weight.
        image: The initial weight after the constraint, or None if that failed.
        violation: How far outside the start is, in the units of the weight.
        stuck: How far outside the image still is, in the units of the weight.
        lacking: What no weight of this shape seems to be; empty if the set has members.
        share_moved: Share of the entries that the constraint changes at the start.
        jump: How far the constraint moves the start.
        rescaled: The least and largest factor by which the constraint scales a unit of the start,
            if scaling is all that it does; else None.
        fault: What the constraint raised.
        shape: The shape that the constraint returned.
        dtype: The dtype that the constraint returned.
        again: How far the constraint moves its own image, relative to the image.
        axes: The axes along which a constraint of the user's own takes norms, where these are none
            that the weight has a meaning for.
        repeat: How far apart two calls on the same weight are, relative to the start.
        update: How far the gradient step alone moves the weight.
        step: How far the gradient step and the constraint together move the weight.
        after_step: The weight after that step.
        saving: Why the constraint can not be saved and loaded, or an empty string.
        overrides: Whether the class defines `__call__` at all.
        units: The least and largest norm of a unit at the start, where it is known what a unit is.
        zeroed: Share of the entries that are zero at the start, and after the constraint.
        sums: If it divides units of both signs by their sums: the least sum, relative to that of
            the magnitudes, and by how much the largest entry grows; else None.
        bias: How far the image is from the nearest member, where the set is known, relative to
            the norm of that member.
        undone: How many updates in a row, from the second on, the constraint took back, as it would
            do with the opposite of the first of them; None once one got through.
        always: Whether it gives the same for other weights, too, where updates are undone.
    """

    record: WeightRecord
    text: str
    custom: bool
    start: Numbers
    image: Numbers | None = None
    violation: float = 0.0
    stuck: float = 0.0
    lacking: str = ""
    share_moved: float = 0.0
    jump: float = 0.0
    rescaled: tuple[float, float] | None = None
    fault: Fault | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    again: float = 0.0
    axes: tuple[int, ...] | None = None
    repeat: float = 0.0
    update: float | None = None
    step: float | None = None
    after_step: Numbers | None = None
    saving: str = ""
    overrides: bool = True
    units: dict[str, float] = field(default_factory=dict)
    zeroed: tuple[float, float] = (0.0, 0.0)
    sums: tuple[float, float] | None = None
    bias: float = 0.0
    undone: int | None = 0
    always: bool = False


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
    """

    record: WeightRecord
    norm: float | None
    nonfinite: int
    moved: float | None = None
    later: list[float] = field(default_factory=list)
    stride: float = 0.0
    still: bool = True
    used: bool | None = None

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
    """

    layer: str
    kind: str
    gradient: float | None
    leaves: float | None
    stops: bool


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
class CornerEvidence:
    """A constrained weight at the bounds of its set, where the layer that uses it is not finite.

    Attributes:
        record: The weight.
        text: Its set in one line.
        value: Range of the weight there.
        everywhere: Whether every entry had to lie at the bound.
        operation: The operation that is at fault, where it was found.
        free: Whether it has no set at all, and the steps have taken entries through zero.
    """

    record: WeightRecord
    text: str
    value: Numbers
    everywhere: bool
    operation: Operation | None = None
    free: bool = False


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
class OverwriteEvidence:
    """An average that the optimizer puts in place of the weights again and again.

    Attributes:
        every: After how many steps.
        momentum: The share of the average that each step keeps.
        left: The share that is left of a steady movement of the weights.
    """

    every: int
    momentum: float
    left: float


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
        along: Name of the layer that gives them, or an empty string.
        zeros: By how much more an error counts at targets near zero than at others; 0 for a loss
            that does not weigh by the targets.
        frames: For labels that are aligned with steps: how many steps there are; 0 for others.
        needed: How many steps the longest of these labels needs.
        short: For how many examples the steps do not suffice.
        passed_over: Share of the targets, all of them zero, that the loss does not look at.
        floor: The least cross-entropy that its logits can give, whatever the weights are.
        apart: How far they can be apart.
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
    along: str = ""
    zeros: float = 0.0
    frames: int = 0
    needed: int = 0
    short: int = 0
    passed_over: float = 0.0
    floor: float = 0.0
    apart: float = 0.0


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
    as_usual: bool = False
    source: Source | None = None


@dataclass
class Evidence:
    """Everything that one probe measured.

    Attributes:
        faults: What raised, by stage; later stages that need it did not run.
        constraints: The constrained weights.
        unattached: Weights whose layer holds a constraint that never reached the variable.
        dropped: Weights that were made by `keras.Variable` with a constraint, as it was written.
        outputs: The layers' outputs of the first forward pass, in the order of execution.
        outputs_after: The same after the first step.
        outputs_last: The same after the last step.
        gradients: The gradients of the trainable weights.
        entries: The inputs of layers that are not Keras' own.
        loss: The first loss, None if it could not be computed.
        loss_after: The loss after the first step.
        losses: All losses, one for each step and one after the last.
        nonfinite_after: Trainable weights that hold NaN or infinity after the first step, by path.
        fault_step: The step at which the loss, a gradient or a weight first is not finite,
            counted from 0; None if it stays finite.
        fault_weights: The trainable weights whose gradient or value is not finite then, by path,
            from the loss backwards.
        operation: The operation that first gave NaN or infinity, where it was found.
        corners: Weights that their sets allow to be where a layer is not finite.
        assigned: Trainable weights that the forward pass assigns to.
        alone: Layers in which a softmax runs over a single entry, and the user's own line.
        identical: Weights whose units are all the same, before and after the steps.
        averages: Weights whose average, which the optimizer keeps, is outside by that much.
        quantized: Weights with a constraint in a layer whose kernel is quantized, by layer.
        data: The arrays of the batch.
        losses_of: The loss of each output.
        weights: Every weight of the model.
        rate: The learning rate at the first step.
        rates: Those of a schedule at the next twenty steps and at three far ones.
        epsilon: What the optimizer adds to its divisor, None if it has none.
        penalties: What penalties on weights add to the loss, at the start and after the steps;
            empty if there are none.
        outweighed: Weights with a penalty, where only penalties fall and are most of the loss.
        overwrites: The average that the optimizer puts in place of the weights, if it does.
        further: The losses of more steps, where the loss falls below zero faster and faster.
        added: What layers add to the loss, after those steps.
        rounding: What the last bit of the weights does to a loss that does not fall.
        kinks: What round corners do to a loss that does not fall.
        beyond: Tables that are asked for rows that they do not have.
        made: Weights that a call makes anew.
        copied: Weights that were the transpose of a trained one at the start, with that one.
        falling: How the targets go against a model that can only rise.
        own: What the steps of the model's own did, None if it has none or they could not be taken.
        plain: Tensors that layers compute with and that are no weights.
        trials: What the same look found after a change that asks for a cause, by its name.
    """

    faults: dict[str, Fault] = field(default_factory=dict)
    constraints: list[ConstraintEvidence] = field(default_factory=list)
    unattached: list[tuple[WeightRecord, str]] = field(default_factory=list)
    dropped: list[tuple[WeightRecord, str]] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    outputs_after: list[Output] = field(default_factory=list)
    outputs_last: list[Output] = field(default_factory=list)
    gradients: list[GradientEvidence] = field(default_factory=list)
    entries: list[EntryEvidence] = field(default_factory=list)
    loss: float | None = None
    loss_after: float | None = None
    losses: list[float] = field(default_factory=list)
    nonfinite_after: list[str] = field(default_factory=list)
    fault_step: int | None = None
    fault_weights: list[str] = field(default_factory=list)
    operation: Operation | None = None
    corners: list[CornerEvidence] = field(default_factory=list)
    assigned: list[WeightRecord] = field(default_factory=list)
    alone: list[tuple[str, Source | None]] = field(default_factory=list)
    identical: list[WeightRecord] = field(default_factory=list)
    averages: list[tuple[WeightRecord, float]] = field(default_factory=list)
    quantized: list[tuple[str, str]] = field(default_factory=list)
    data: list[DataEvidence] = field(default_factory=list)
    losses_of: list[LossEvidence] = field(default_factory=list)
    weights: list[WeightRecord] = field(default_factory=list)
    rate: float | None = None
    rates: list[float] = field(default_factory=list)
    epsilon: float | None = None
    overwrites: OverwriteEvidence | None = None
    penalties: list[float] = field(default_factory=list)
    outweighed: list[PenaltyEvidence] = field(default_factory=list)
    further: list[float] = field(default_factory=list)
    added: dict[str, float] = field(default_factory=dict)
    rounding: RoundingEvidence | None = None
    kinks: KinkEvidence | None = None
    beyond: list[BeyondEvidence] = field(default_factory=list)
    made: list[MadeEvidence] = field(default_factory=list)
    copied: list[tuple[WeightRecord, WeightRecord]] = field(default_factory=list)
    falling: FallingEvidence | None = None
    own: OwnEvidence | None = None
    plain: list[PlainEvidence] = field(default_factory=list)
    trials: dict[str, "Trial"] = field(default_factory=dict)

    @property
    def varies(self) -> bool:
        """Whether the examples of the batch differ in some input."""
        return any(d.varies for d in self.data if d.name.startswith("x"))

    @property
    def moments(self) -> list[tuple[str, list[Output], float | None]]:
        """Stage, outputs and loss of each forward pass that was looked at."""
        last = self.losses[-1] if self.losses else None
        found = [("forward", self.outputs, self.loss)]
        # A step of the model's own may report no loss, or several.
        if len(self.losses) > 1 or (not self.losses and self.outputs_after):
            found.append(("second forward", self.outputs_after, self.loss_after))
        if len(self.losses) > 2 or (not self.losses and self.outputs_after):
            found.append(("training", self.outputs_last, last))
        return found


@dataclass
class Trial:
    """A change of the training, not of the model, and what the same look found then.

    Attributes:
        change: The change in one sentence.
        evidence: What was found.
        numbers: What was changed, in numbers.
    """

    change: str
    evidence: Evidence
    numbers: dict[str, float]
