"""CW103 nonfinite-start."""

from constrainit.doctor.rules._rule import Rule


class NonfiniteStart(Rule):
    """A constrained weight holds NaN or infinity before anything has run.

    No projection mends a NaN: `maximum(NaN, 0)` is NaN. The initializer or the loaded file is at
    fault.

    Example:
        start = keras.initializers.Constant(float("nan"))
        layers.Dense(8, kernel_initializer=start, kernel_constraint="non_neg")

    Use instead:
        start = keras.initializers.Constant(0.1)
        layers.Dense(8, kernel_initializer=start, kernel_constraint="non_neg")

    Known limits:
        Looks at constrained weights. What another weight does is seen in the output of its layer.

    Source:
        keras-team/keras#9055 and keras-team/keras#15798: NaN before training began.
    """

    code, name, level, stage = "CW103", "nonfinite-start", "error", "build"

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
