"""A signal that tells examples apart less from layer to layer, beside what they have in common."""

import math
from dataclasses import dataclass

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._statistics import Output

_LAYERS = 4
_FADED = 0.5
"""What is left behind the last of these layers of what the first one gives, or less."""

_FAINT = 0.2
"""Of its largest output: a layer whose units vary by less gives much the same for all examples."""

_UNTOLD = 0.1
"""Of the deviation of the targets: outputs that vary by less leave the loss at a constant's."""


_LOST = 0.5


@dataclass(frozen=True)
class FaintEvidence:
    """What is learnt with a signal that fades, and with one that was brought back.

    Attributes:
        steps: How many steps were taken.
        losses: The first and the last loss from the start as it is.
        spread: By how much what the model gives varies over the batch after them.
        fitted: The first and the last loss from a start that `calibrate` has fitted; None where
            that trains no better.
    """

    steps: int
    losses: tuple[float, float]
    spread: float
    fitted: tuple[float, float] | None


def fading(evidence: Evidence) -> list[Output]:
    """What layers with constrained kernels give, where it fades and nothing is learnt by it.

    The layers in the order of execution; none where the last one still tells examples apart, or
    what the model gives varies after the steps by a tenth of what its targets do.
    """
    kernels = {
        made.record.layer.name for made in evidence.constraints
        if made.record.variable.name == "kernel" and made.record.variable.trainable
    }  # fmt: skip
    outputs = [output for output in evidence.outputs if output.layer in kernels]
    sound = all(map(math.isfinite, evidence.losses)) and evidence.outputs_last
    if not evidence.varies or not sound or len(outputs) < _LAYERS:
        return []
    first, last = outputs[0], outputs[-1]
    if any(output.nonfinite for output in outputs) or not last.spread > 0:
        return []
    # What is saturated or dead has rules of its own.
    if any(max(output.saturated or 0.0, output.dead or 0.0) >= _LOST for output in outputs):
        return []
    faint = last.spread <= _FADED * first.spread and last.spread <= _FAINT * last.peak
    deviations = [made.target.deviation for made in evidence.losses_of if made.target.varies]
    untold = any(evidence.outputs_last[-1].spread < _UNTOLD * wanted for wanted in deviations)
    return outputs if faint and untold else []
