"""Everything that one probe measured."""

from dataclasses import dataclass, field
from typing import Any

from constrainit.doctor._evidence._asked import Asked
from constrainit.doctor._evidence._constraints import (
    ConstraintEvidence,
    CornerEvidence,
    SwitchEvidence,
    TwiceEvidence,
)
from constrainit.doctor._evidence._losses import (
    BeyondEvidence,
    DataEvidence,
    FallingEvidence,
    KinkEvidence,
    LossEvidence,
    MovingEvidence,
    NegatedEvidence,
    OwnEvidence,
    RoundingEvidence,
)
from constrainit.doctor._evidence._trainings import (
    AlikeEvidence,
    AverageEvidence,
    AxisEvidence,
    DropEvidence,
    EndEvidence,
    OverwriteEvidence,
    SlowEvidence,
    WholeNormEvidence,
)
from constrainit.doctor._evidence._trial import Trial
from constrainit.doctor._evidence._weights import (
    AddedEvidence,
    ComputedEvidence,
    EntryEvidence,
    GainEvidence,
    GradientEvidence,
    GraphConstantEvidence,
    HiddenEvidence,
    MadeEvidence,
    PenaltyEvidence,
    PlainEvidence,
    StuckEvidence,
    TightEvidence,
    WrittenOverEvidence,
)
from constrainit.doctor._frames import Cut, Fault, Source
from constrainit.doctor._statistics import Output
from constrainit.doctor.trace import Operation
from constrainit.model import WeightRecord


@dataclass
class Evidence(Asked):
    """Everything that one probe measured.

    Attributes:
        faults: What raised, by stage; later stages that need it did not run.
        constraints: The constrained weights.
        mapped: Those that are seen through smooth maps.
        mapped_starts: What these start as, until the first step is taken.
        unattached: Weights whose layer holds a constraint that never reached the variable.
        replaced: Weights that leave the set their layer holds, whose place another one has.
        lost_starts: Weights without a constraint that do not start finite.
        misplaced: Weights whose layer was given a constraint as another argument; its kind, and it.
        dropped: Weights that were made by `keras.Variable` with a constraint, as it was written.
        outputs: The layers' outputs of the first forward pass, in the order of execution.
        outputs_after: The same after the first step.
        outputs_last: The same after the last step.
        gradients: The gradients of the trainable weights.
        gains: How large kernels start, in models of few weights.
        entries: The inputs of layers that are not Keras' own.
        loss: The first loss, None if it could not be computed.
        loss_after: The loss after the first step.
        losses: All losses, one for each step and one after the last.
        nonfinite_after: Trainable weights that hold NaN or infinity after the first step, by path.
        fault_step: The step, from 0, at which a loss, gradient or weight first is not finite.
        fault_weights: The paths of those whose gradient or value is not then, from the loss back.
        operation: The operation that first gave NaN or infinity, where it was found.
        constants: Those of the user's own code that are not finite, where that is not.
        corners: Weights that their sets allow to be where a layer is not finite.
        assigned: Trainable weights that the forward pass assigns to.
        summed: Weights in their set whose sum with trained ones is outside of it.
        written_over: Weights whose name their layer's call has given to a tensor.
        alone: Layers in which a softmax runs over a single entry, and the user's own line.
        lone: The layers of recurrences that were given a single time step.
        identical: Weights whose units are all the same, before and after the steps.
        zeros: Kernels of zeros that get no gradient, and leave what their layers give the same.
        twins: Weights that are the same as another one, before and after the steps, with it.
        averages: Weights whose average, which the optimizer keeps, is outside of their sets.
        quantized: Weights with a constraint in a layer whose kernel is quantized, by layer.
        data: The arrays of the batch.
        losses_of: The loss of each output.
        weights: Every weight of the model.
        rate: The learning rate at the first step.
        rates: Those of a schedule at the next twenty steps and at three far ones.
        end: What a schedule that ends early leaves to learn, where there is one.
        alike: A weight whose updates are at a right angle to its set, where its gradients are not.
        slow: The weight that moves least, where only a higher rate trains.
        far_targets: The targets, where only scaled ones are learnt.
        drops: What layers that drop most of what they are given make of it, where there are some.
        sharp: The softmax that picks one entry from the start, where only a softer one trains.
        pressed: Weights at a bound of their set with which the model trains where it is wider.
        wide_steps: A weight whose steps are as long as its set is wide, where shorter ones train.
        moving: What moving statistics make of the loss, where there are some.
        unknown: Weights to train that the optimizer was not built for, where it was built.
        late: Constraints that the step which `fit` has compiled does not run.
        skipping: The class of the optimizer, where that never calls a constraint; else None.
        trained: Whether the model's own optimizer has taken steps before.
        epsilon: What the optimizer adds to its divisor, None if it has none.
        decays: The factors of the averages that its steps are corrected by, by name.
        penalties: What penalties on weights add to the loss, at the start and after the steps.
        outweighed: Weights with a penalty, where only penalties fall and are most of the loss.
        overwrites: The average that the optimizer puts in place of the weights, if it does.
        further: The losses of more steps, where the loss falls below zero faster and faster.
        negated: A product in the loss of errors with negative numbers, where the loss falls so.
        negative: The loss weights below zero, by the names of their outputs, where it does.
        added: What layers add to the loss, after those steps.
        lossy: Operations that lose what they are given, where a gradient or an output is constant.
        severed: What cuts a gradient off, by the path of a weight, a layer's name, or "" (outputs).
        rounding: What the last bit of the weights does to a loss that does not fall.
        kinks: What round corners do to a loss that does not fall.
        beyond: Tables that are asked for rows that they do not have.
        made: Weights that a call makes anew.
        copied: Weights that were the transpose of a trained one at the start, with that one.
        to_stay: The layers, by id, and names of tensors that stay, as the user's own line says.
        kept_copies: Tensors that were what a trained weight was at the start, with that one.
        falling: How the targets go against a model that can only rise.
        bending: What a model that can only bend up does not learn of targets that bend down.
        own: What the steps of the model's own did, None if it has none or they could not be taken.
        switches: Weights that multiply the loss, and nothing that the model predicts.
        twice: Weights with a lower bound that their layers take through a positive map.
        plain: Tensors that layers compute with and that are no weights.
        hidden: Trainable weights that layers compute with and the model does not know.
        pairs: Whether its own `compute_loss` compares each target with the predictions of all.
        of_batch: Last layers that give a number of the batch, whose loss reads no targets.
        computed: Tensors that layers have computed once from weights to train.
        graph_constants: Tensors that were computed so, in the graph of a functional model.
        reloaded: Layers of the user's own that come back from their config with other arguments.
        lost_constraints: Weights whose constraint a config leaves out, with a layer that fails so.
        drawn_anew: Layers of the user's own that come back from a file with other arrays.
        other_axes: Weights whose model trains along other axes only; asked once, as it came.
        cut: Tables and inputs that are asked for rows by fractions.
        frozen: Models that are frozen, with layers that are not.
        scales: Normalizations that have not seen the data.
        mixed: The layer that makes an example depend on the others of its batch, and by how much.
        falling_penalties: Penalties on weights that are below zero after those steps, by path.
        tight: Weights whose bound keeps the model from training; asked once, as these are.
        misbuilt: A weight that is made for another axis than the last, in a layer that raises.
        whole_norms: Those of which that is one for all singular values together.
        faint: What is learnt where a signal fades by depth, and where it is brought back; once.
        outlived: What is left of the loss after more steps in which units die; asked once.
        swamped: What is learnt without what layers add to the loss; asked once, as these are.
        zero_outputs: What zeros at the end cost, and a softplus does not; asked once.
        turned: Losses that take predictions first, where they are given targets first.
        endless: A weight whose size alone takes the loss down without end, where there is one.
        padded: A table whose sequences end in padding without a mask, where an output is constant.
        masked: A layer whose mask hides steps of the data, where an output is constant.
        erasing: Layers that let next to nothing of what they are given through, and why.
        stuck: Weights at their bounds without any gradient, where the output has become constant.
        uncounted: Outputs whose loss counts for nothing, with weights that it alone would train.
        overruled: A loss that is learnt alone, not beside that of another output; asked once.
        stretches: The names of layers that follow one another and feed nothing else.
        equal_entries: A weight whose equal entries leave units empty, where spaced ones train.
        trials: What the same look found after a change that asks for a cause, by its name.
    """

    faults: dict[str, Fault] = field(default_factory=dict)
    constraints: list[ConstraintEvidence] = field(default_factory=list)
    mapped: list[ConstraintEvidence] = field(default_factory=list)
    mapped_starts: list[Any] = field(default_factory=list)
    unattached: list[tuple[WeightRecord, str]] = field(default_factory=list)
    replaced: list[WeightRecord] = field(default_factory=list)
    lost_starts: list[Any] = field(default_factory=list)
    misplaced: list[tuple[WeightRecord, str, str]] = field(default_factory=list)
    dropped: list[tuple[WeightRecord, str]] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    outputs_after: list[Output] = field(default_factory=list)
    outputs_last: list[Output] = field(default_factory=list)
    gradients: list[GradientEvidence] = field(default_factory=list)
    gains: list[GainEvidence] = field(default_factory=list)
    entries: list[EntryEvidence] = field(default_factory=list)
    loss: float | None = None
    loss_after: float | None = None
    losses: list[float] = field(default_factory=list)
    nonfinite_after: list[str] = field(default_factory=list)
    fault_step: int | None = None
    fault_weights: list[str] = field(default_factory=list)
    operation: Operation | None = None
    constants: list[Any] = field(default_factory=list)
    corners: list[CornerEvidence] = field(default_factory=list)
    assigned: list[WeightRecord] = field(default_factory=list)
    summed: list[AddedEvidence] = field(default_factory=list)
    written_over: list[WrittenOverEvidence] = field(default_factory=list)
    alone: list[tuple[str, Source | None]] = field(default_factory=list)
    lone: list[Any] = field(default_factory=list)
    identical: list[WeightRecord] = field(default_factory=list)
    zeros: list[WeightRecord] = field(default_factory=list)
    twins: list[tuple[WeightRecord, WeightRecord]] = field(default_factory=list)
    averages: list[AverageEvidence] = field(default_factory=list)
    quantized: list[tuple[str, str]] = field(default_factory=list)
    data: list[DataEvidence] = field(default_factory=list)
    losses_of: list[LossEvidence] = field(default_factory=list)
    weights: list[WeightRecord] = field(default_factory=list)
    rate: float | None = None
    rates: list[float] = field(default_factory=list)
    end: EndEvidence | None = None
    alike: AlikeEvidence | None = None
    slow: SlowEvidence | None = None
    far_targets: Any = None
    drops: DropEvidence | None = None
    sharp: Any = None
    wide_steps: Any = None
    pressed: list[Any] = field(default_factory=list)
    moving: MovingEvidence | None = None
    unknown: list[WeightRecord] = field(default_factory=list)
    late: list[Any] = field(default_factory=list)
    skipping: Any = None
    trained: bool = False
    epsilon: float | None = None
    decays: dict[str, float] = field(default_factory=dict)
    overwrites: OverwriteEvidence | None = None
    penalties: list[float] = field(default_factory=list)
    outweighed: list[PenaltyEvidence] = field(default_factory=list)
    further: list[float] = field(default_factory=list)
    negated: NegatedEvidence | None = None
    negative: dict[str, float] = field(default_factory=dict)
    added: dict[str, float] = field(default_factory=dict)
    lossy: list[Operation] = field(default_factory=list)
    severed: dict[str, Cut] = field(default_factory=dict)
    rounding: RoundingEvidence | None = None
    kinks: KinkEvidence | None = None
    beyond: list[BeyondEvidence] = field(default_factory=list)
    made: list[MadeEvidence] = field(default_factory=list)
    copied: list[Any] = field(default_factory=list)
    to_stay: set[tuple[int, str]] = field(default_factory=set)
    kept_copies: list[Any] = field(default_factory=list)
    falling: FallingEvidence | None = None
    bending: Any = None
    own: OwnEvidence | None = None
    switches: list[SwitchEvidence] = field(default_factory=list)
    twice: list[TwiceEvidence] = field(default_factory=list)
    plain: list[PlainEvidence] = field(default_factory=list)
    hidden: list[HiddenEvidence] = field(default_factory=list)
    pairs: bool = False
    of_batch: set[str] = field(default_factory=set)
    computed: list[ComputedEvidence] = field(default_factory=list)
    graph_constants: list[GraphConstantEvidence] = field(default_factory=list)
    reloaded: list[Any] = field(default_factory=list)
    lost_constraints: list[Any] = field(default_factory=list)
    drawn_anew: list[Any] = field(default_factory=list)
    other_axes: list[AxisEvidence] = field(default_factory=list)
    cut: list[Any] = field(default_factory=list)
    frozen: list[Any] = field(default_factory=list)
    scales: list[Any] = field(default_factory=list)
    mixed: tuple[str, float] | None = None
    falling_penalties: dict[str, float] = field(default_factory=dict)
    tight: list[TightEvidence] = field(default_factory=list)
    whole_norms: list[WholeNormEvidence] = field(default_factory=list)
    faint: Any = None
    outlived: float | None = None
    swamped: Any = None
    zero_outputs: Any = None
    turned: list[Any] = field(default_factory=list)
    endless: Any = None
    padded: Any = None
    masked: Any = None
    erasing: list[Any] = field(default_factory=list)
    stuck: list[StuckEvidence] = field(default_factory=list)
    uncounted: list[Any] = field(default_factory=list)
    overruled: Any = None
    stretches: list[list[str]] = field(default_factory=list)
    misbuilt: Any = None
    equal_entries: Any = None
    trials: dict[str, Trial] = field(default_factory=dict)

    @property
    def layers(self) -> list[Output]:
        """The first outputs, without those of a `Reparametrized`, which are its layer's."""
        return [output for output in self.outputs if output.kind != "Reparametrized"]

    @property
    def varies(self) -> bool:
        """Whether the examples of the batch differ in some input."""
        return any(d.varies for d in self.data if d.name.startswith("x"))

    @property
    def moments(self) -> list[tuple[str, list[Output], float | None]]:
        """Stage, outputs and loss of each forward pass that was looked at."""
        found = [("forward", self.outputs, self.loss)]
        # A step of the model's own may report no loss, or several.
        if len(self.losses) > 1 or (not self.losses and self.outputs_after):
            found.append(("second forward", self.outputs_after, self.loss_after))
        if len(self.losses) > 2 or (not self.losses and self.outputs_after):
            found.append(("training", self.outputs_last, (self.losses or [None])[-1]))
        return found
