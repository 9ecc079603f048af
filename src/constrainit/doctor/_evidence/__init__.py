"""What a probe of a model measured. Rules read it; nothing here judges."""

from constrainit.doctor._evidence._constraints import (
    AxisEvidence,
    ConstraintEvidence,
    CornerEvidence,
    LagEvidence,
    OverwriteEvidence,
    ServedEvidence,
    SumEvidence,
    SwitchEvidence,
    TwiceEvidence,
)
from constrainit.doctor._evidence._losses import (
    BeyondEvidence,
    DataEvidence,
    DropEvidence,
    EndEvidence,
    FallingEvidence,
    KinkEvidence,
    LossEvidence,
    OwnEvidence,
    RoundingEvidence,
    SlowEvidence,
)
from constrainit.doctor._evidence._weights import (
    AddedEvidence,
    ComputedEvidence,
    EntryEvidence,
    GradientEvidence,
    GraphConstantEvidence,
    HiddenEvidence,
    MadeEvidence,
    PenaltyEvidence,
    PlainEvidence,
    WrittenOverEvidence,
)
from constrainit.doctor._evidence._whole import Evidence, Trial

STAGES = (
    "build", "forward", "loss", "gradients", "constraints", "first step", "second forward",
    "training",
)  # fmt: skip

__all__ = [
    "STAGES",
    "AddedEvidence",
    "AxisEvidence",
    "BeyondEvidence",
    "ComputedEvidence",
    "ConstraintEvidence",
    "CornerEvidence",
    "DataEvidence",
    "DropEvidence",
    "EndEvidence",
    "EntryEvidence",
    "Evidence",
    "FallingEvidence",
    "GradientEvidence",
    "GraphConstantEvidence",
    "HiddenEvidence",
    "KinkEvidence",
    "LagEvidence",
    "LossEvidence",
    "MadeEvidence",
    "OverwriteEvidence",
    "OwnEvidence",
    "PenaltyEvidence",
    "PlainEvidence",
    "RoundingEvidence",
    "ServedEvidence",
    "SlowEvidence",
    "SumEvidence",
    "SwitchEvidence",
    "Trial",
    "TwiceEvidence",
    "WrittenOverEvidence",
]
