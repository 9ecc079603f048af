"""What a probe of a model measured. Rules read it; nothing here judges."""

from dataclasses import dataclass, field

from constrainit.doctor._frames import Fault
from constrainit.doctor._statistics import Numbers, Output
from constrainit.model import WeightRecord

STAGES = ("build", "forward", "loss", "gradients", "constraints", "first step", "second forward")


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
        share_moved: Share of the entries that the constraint changes at the start.
        jump: How far the constraint moves the start.
        rescaled: The least and largest factor by which the constraint scales a unit of the start,
            if scaling is all that it does; else None.
        fault: What the constraint raised.
        shape: The shape that the constraint returned.
        dtype: The dtype that the constraint returned.
        again: How far the constraint moves its own image, relative to the image.
        repeat: How far apart two calls on the same weight are, relative to the start.
        update: How far the gradient step alone moves the weight.
        step: How far the gradient step and the constraint together move the weight.
        after_step: The weight after that step.
        saving: Why the constraint can not be saved and loaded, or an empty string.
        overrides: Whether the class defines `__call__` at all.
    """

    record: WeightRecord
    text: str
    custom: bool
    start: Numbers
    image: Numbers | None = None
    violation: float = 0.0
    stuck: float = 0.0
    share_moved: float = 0.0
    jump: float = 0.0
    rescaled: tuple[float, float] | None = None
    fault: Fault | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    again: float = 0.0
    repeat: float = 0.0
    update: float | None = None
    step: float | None = None
    after_step: Numbers | None = None
    saving: str = ""
    overrides: bool = True
    units: dict[str, float] = field(default_factory=dict)


@dataclass
class GradientEvidence:
    """The first gradient of one trainable weight.

    Attributes:
        record: The weight.
        norm: Its Euclidean norm over finite entries; None if there is no gradient.
        nonfinite: How many entries are NaN or infinite.
    """

    record: WeightRecord
    norm: float | None
    nonfinite: int


@dataclass
class Evidence:
    """Everything that one probe measured.

    Attributes:
        faults: What raised, by stage; later stages that need it did not run.
        constraints: The constrained weights.
        unattached: Weights whose layer holds a constraint that never reached the variable.
        outputs: The layers' outputs of the first forward pass, in the order of execution.
        outputs_after: The same after the first step.
        gradients: The first gradients.
        loss: The first loss, None if it could not be computed.
        loss_after: The loss after the first step.
        nonfinite_after: Weights that hold NaN or infinity after the first step, by path.
        weights: Every weight of the model.
    """

    faults: dict[str, Fault] = field(default_factory=dict)
    constraints: list[ConstraintEvidence] = field(default_factory=list)
    unattached: list[tuple[WeightRecord, str]] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    outputs_after: list[Output] = field(default_factory=list)
    gradients: list[GradientEvidence] = field(default_factory=list)
    loss: float | None = None
    loss_after: float | None = None
    nonfinite_after: list[str] = field(default_factory=list)
    weights: list[WeightRecord] = field(default_factory=list)
