"""CW001 model-fails."""

from constrainit.doctor.rules._rule import Rule, last_source

_INSTEAD = {
    "build": "mend the line above; the layer could not make its weights",
    "forward": "mend the line above, or pass a batch of the shape and dtype that the model takes",
    "gradients": "mend the line above; check that the targets fit the loss",
    "train_step": (
        "mend the line above; train_step was given what fit gives it for this batch: (x, y), or x "
        "alone where no targets were given"
    ),
}

_WHERE = {"train_step": "its own train_step"}

_BEYOND = (
    "an index is beyond what it is looked up in, which counts from 0: compare the largest label or "
    "index of the batch with the size of the table, of one_hot, or of the last layer"
)


class ModelFails(Rule):
    """The model raises while it is built, called, or differentiated.

    Nothing after the stage that raises can be looked at. This is no fault of a constraint: those
    are run by themselves, on copies.

    Example:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.ones((8, 4)), np.ones((8, 2)))

    Use instead:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.ones((8, 4)), np.ones((8, 2)))

    Known limits:
        Only the first error is seen. A training step of the model's own (`train_step`) is run as
        `fit` runs it, first as it is, then traced as it would be compiled.

    Source:
        What Keras raises is shown as it is, with the user's own lines.
    """

    code, name, level = "CW001", "model-fails", "error"

    def find(self, evidence):
        for stage, fault in evidence.faults.items():
            fix = _BEYOND if fault.kind == "IndexError" else _INSTEAD[stage]
            where = _WHERE.get(stage, f"the {stage} stage")
            yield self.made(
                f"{where} raises {fault}", fix, {"exception": fault.kind},
                stage=stage, layer=fault.layer, source=last_source(fault.sources),
            )  # fmt: skip
