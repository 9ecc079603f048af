"""CW207 not-deterministic."""

from constrainit.doctor.rules._rule import Rule, percent


class NotDeterministic(Rule):
    """A constraint gives different results for the same weight.

    What is inside after one step may be outside after the next. In a compiled step the random
    numbers are drawn once, when it is traced, or refused.

    Example:
        seed = keras.random.SeedGenerator(0)

        def noisy(w):
            return ops.clip(w, -1, 1) + 0.01 * keras.random.normal(w.shape, seed=seed)

        layers.Dense(8, kernel_constraint=noisy)

    Use instead:
        def steady(w):
            return ops.clip(w, -1, 1)

        layers.Dense(8, kernel_constraint=steady)

    Known limits:
        Two calls are compared. A constraint that changes every hundredth call is not seen.

    Source:
        keras-team/keras#12050: random numbers in a constraint never change.
    """

    code, name = "CW207", "not-deterministic"

    def find(self, evidence):
        for made in evidence.constraints:
            if made.repeat > 0:
                yield self.at_weight(
                    made,
                    f"two calls of its constraint {made.text} on the same weight differ by "
                    f"{percent(made.repeat)} of its norm",
                    "take random numbers and counters out of the constraint",
                    {"differ_by": made.repeat},
                )
