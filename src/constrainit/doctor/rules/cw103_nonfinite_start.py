"""CW103 nonfinite-start."""

from constrainit.doctor.rules._rule import Rule


class NonfiniteStart(Rule):
    """A constrained weight holds NaN or infinity before anything has run.

    No projection mends a NaN: `maximum(NaN, 0)` is NaN. The initializer or the loaded file is at
    fault.
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
