"""CW206 constraint-never-runs."""

from constrainit.doctor.rules._rule import Rule


class ConstraintNeverRuns(Rule):
    """A constraint class defines no `__call__`, so Keras never changes a weight.

    `keras.constraints.Constraint.__call__` returns the weight as it is. A subclass that defines
    `call`, as layers do, or `project`, raises no error and does nothing.

    Example:
        class Positive(keras.constraints.Constraint):
            def call(self, w):
                return ops.abs(w)

        layers.Dense(8, kernel_constraint=Positive())

    Use instead:
        class Positive(keras.constraints.Constraint):
            def __call__(self, w):
                return ops.abs(w)

        layers.Dense(8, kernel_constraint=Positive())

    Known limits:
        A class whose `__call__` returns the weight as it is can not be told from one whose set
        holds every weight.

    Source:
        keras-team/keras#15345 and tensorflow/tensorflow#51922: silent to this day.
    """

    code, name, level, stage = "CW206", "constraint-never-runs", "error", "first step"
    of_class = True
    numbers = ()

    def find(self, evidence):
        for made in evidence.constraints:
            if not made.overrides:
                kind = type(made.record.constraint)
                method = "call" if hasattr(kind, "call") else "its method"
                yield self.at_weight(
                    made,
                    f"its constraint {kind.__name__} does nothing: the class defines no __call__",
                    f"rename {method} of {kind.__name__} to __call__",
                    {"defines": sorted(n for n in vars(kind) if not n.startswith("_"))},
                )
