"""CW103 nonfinite-start."""

import math

from constrainit.doctor.rules._rule import Rule

_STILL = 1e-6


class NonfiniteStart(Rule):
    """A weight holds NaN or infinity before anything has run.

    No projection mends a NaN: `maximum(NaN, 0)` is NaN. The initializer or the loaded file is at
    fault, such as the logarithm of a count of zero in a bias that starts at the log odds.

    Example:
        start = keras.initializers.Constant(float("nan"))
        layers.Dense(8, kernel_initializer=start, kernel_constraint="non_neg")

    Use instead:
        start = keras.initializers.Constant(0.1)
        layers.Dense(8, kernel_initializer=start, kernel_constraint="non_neg")

    Known limits:
        Of weights without a constraint, NaN is told of where they are trained or the first step
        breaks, and infinity where both is so: it may be meant, as in a mask of scores. It is told
        of, too, where all entries are infinite and the layer gives the same for every example. A
        finite start is then looked for among powers of ten, by short trainings, as what was meant
        is not known.

    Source:
        keras-team/keras#9055 and keras-team/keras#15798: NaN before training began.
    """

    code, name, level, stage = "CW103", "nonfinite-start", "error", "build"
    numbers = ("nonfinite", "size")

    def find(self, evidence):
        for made in evidence.constraints:
            if made.start.nonfinite:
                yield self.at_weight(
                    made,
                    f"starts with {made.start.nonfinite} of {made.start.size} weights NaN or "
                    "infinite",
                    "mend its initializer, or load a file that holds finite weights",
                    {"nonfinite": made.start.nonfinite, "size": made.start.size},
                )
        for lost in evidence.lost_starts:
            nan = lost.record.variable.trainable and not lost.infinite
            if nan or _breaks(evidence) or _is_never_trained(lost, evidence):
                yield self._free(lost)

    def _free(self, lost):
        record, size = lost.record, math.prod(lost.record.shape)
        at = f" at index {', '.join(map(str, lost.place))}" if lost.place else ""
        zeros = (
            "; where it takes the logarithm of counts, smooth them: log((n + 0.5) / (total + 1))"
        )
        beyond = (
            "; where it takes the inverse of a softplus, log(exp(x) - 1), write x + "
            "log(-expm1(-x)), which does not overflow"
        )
        other = {-math.inf: zeros, math.inf: beyond}.get(lost.value, "")
        still = ": no step moves infinity" if lost.infinite and lost.count == size else ""
        return self.made(
            f"starts with {lost.count} of {size} weights NaN or infinite, the first of them "
            f"{lost.value:g}{at}{still}",
            "mend its initializer, or load a file that holds finite weights" + other,
            {"nonfinite": lost.count, "size": size},
            layer=record.layer.name,
            weight=record.path,
        )


def _is_never_trained(lost, evidence):
    """Whether all of a weight is infinite, and what its layer gives is the same for all examples.

    Infinity may be meant, as a bound that is none; then the layer tells the examples apart.
    """
    whole = lost.infinite and lost.count == math.prod(lost.record.shape)
    own = [o for o in evidence.outputs if o.layer == lost.record.layer.name]
    still = bool(own) and all(o.spread <= _STILL * o.peak for o in own)
    return whole and lost.record.variable.trainable and still and evidence.varies


def _breaks(evidence):
    """Whether the first step is not finite, or raises."""
    lost = any(output.nonfinite for output in evidence.outputs)
    lost = lost or any(made.nonfinite for made in evidence.gradients)
    finite = evidence.loss is None or math.isfinite(evidence.loss)
    return lost or not finite or bool(evidence.faults)
