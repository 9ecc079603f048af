"""CW405 constant-output."""

import keras

from constrainit.doctor.rules._rule import Rule

_ROUNDING, _LATER = 1e-6, 1e-4


class ConstantOutput(Rule):
    """A layer gives the same output for every example of the batch.

    What follows it can learn a constant and nothing else. Positive weights through many layers
    average all inputs until they differ by less than rounding; saturation and dead units end the
    same way; a softmax or a normalization over a single unit gives the same whatever comes in.

    Example:
        [
            layers.Dense(1),
            layers.LayerNormalization(),
        ]

    Use instead:
        [layers.Dense(8), layers.LayerNormalization(), layers.Dense(1)]

    Known limits:
        Looked at is the deviation of each unit over the batch, against 1e-6 of the largest output
        at the start and 1e-4 after the steps, whose rounding a normalization enlarges.
        Outputs that are all zero, and change within the steps that are looked at, are a start that
        some layers mean to have. A batch of equal examples is not reported, nor a layer that is
        called several times, if what it gives varies in one of them.

    Source:
        The rule for layers without variation of theDeepChecker (Ben Braiek and Khomh, 2023).
    """

    code, name, stage = "CW405", "constant-output", "forward"
    numbers = ("spread", "mean")

    def find(self, evidence):
        if not evidence.varies or not evidence.outputs_last:
            return
        # A step without a derivative that gives one value to all is told by its own rule.
        cut = {e.layer for e in evidence.entries if e.leaves and not e.gradient}
        # A layer that is called several times may be given the state that a loop begins with.
        moves = {o.layer for o in evidence.outputs if not _still(o, _ROUNDING)}
        last = {(o.layer, i): o for i, o in enumerate(evidence.outputs_last)}
        for place, output in enumerate(evidence.outputs):
            later = last.get((output.layer, place))
            if later is None or output.layer in cut | moves:
                continue
            if _still(output, _ROUNDING) and _still(later, _LATER):
                yield self.made(
                    f"the output of {output.kind} {output.layer!r} is the same for every example "
                    f"of the batch (mean {output.mean:.3g}, deviation over the batch "
                    f"{output.spread:.3g}), before and after the steps",
                    _fix(evidence, output),
                    {"spread": output.spread, "mean": output.mean}, layer=output.layer,
                )  # fmt: skip
                return


def _fix(evidence, output):
    if output.layer in {layer for layer, _ in evidence.alone}:
        return (
            f"a softmax in {output.layer!r} runs over a single unit, for which it gives 1 whatever "
            "comes in: take a sigmoid, or one unit for each class"
        )
    layers = [record for record in evidence.weights if record.layer.name == output.layer]
    norm = keras.layers.LayerNormalization
    if any(isinstance(r.layer, norm) and tuple(r.shape) == (1,) for r in layers):
        return (
            f"{output.layer!r} normalizes over a single number, which less its own mean is zero: "
            "normalize over an axis of several, or over examples by BatchNormalization"
        )
    return (
        "look at what feeds it: a saturated or dead layer, positive weights through many layers "
        "(constrainit.plan says how many are too many), or a softmax or normalization over a "
        "single unit"
    )


def _still(output, share):
    return output.nonfinite == 0 and output.spread <= share * output.peak
