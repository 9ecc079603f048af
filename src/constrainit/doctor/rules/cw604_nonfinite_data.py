"""CW604 nonfinite-data."""

from constrainit._words import counted
from constrainit.doctor.rules._rule import Rule


class NonfiniteData(Rule):
    """The batch holds NaN or infinity.

    One NaN in an input makes the loss NaN, and after one step every weight. No constraint and no
    initializer is at fault, and none can help.

    Example:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.full((8, 4), np.nan), np.ones((8, 1)))

    Use instead:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Known limits:
        Only the batch that is looked at. If the loss stays finite, as with a layer that masks
        missing values, it is a note.

    Source:
        keras-team/keras#2134, where the data held it.
    """

    code, name, level, stage = "CW604", "nonfinite-data", "error", "build"
    numbers = ("nonfinite", "size")

    def find(self, evidence):
        harmless = bool(evidence.losses) and evidence.fault_step is None
        for made in evidence.data:
            if made.nonfinite:
                yield self.made(
                    f"{made.name} holds {counted(made.nonfinite, 'entry', 'entries')} of "
                    f"{made.size} that {'is' if made.nonfinite == 1 else 'are'} NaN or infinite",
                    "drop or fill these examples before training: keep rows with "
                    f"np.isfinite({made.name}).all(axis=1)",
                    {"nonfinite": made.nonfinite, "size": made.size},
                    level="info" if harmless else self.level,
                )  # fmt: skip
