"""CW303 average-outside."""

from constrainit.doctor.rules._rule import Rule


class AverageOutside(Rule):
    """The average of a weight that the optimizer keeps is outside the set of the weight.

    With `use_ema=True` Keras averages the weights before their constraint runs, and puts the
    averages in place of the weights at the end of `fit`: the trained model breaks its own rule.

    Example:
        model = keras.Sequential(
            [keras.Input((4,)), layers.Dense(8, **ci.constrained(kernel=ci.UnitNorm()))]
        )
        model.compile(keras.optimizers.SGD(0.1, use_ema=True), "mse")
        ci.diagnose(model)

    Use instead:
        model = keras.Sequential(
            [keras.Input((4,)), layers.Dense(8, **ci.constrained(kernel=ci.UnitNorm()))]
        )
        model.compile(keras.optimizers.SGD(0.1), "mse")
        ci.diagnose(model)  # with use_ema=True: fit with callbacks=[ci.KeepFeasible()]

    Known limits:
        Of a constraint of the user's own only by how much it moves the average is known. An average
        of few steps is near the weights; the longer the training, the further it may lie outside.

    Source:
        `Optimizer._update_model_variables_moving_average` and its place in `apply`, Keras 3.15.1.
    """

    code, name, stage = "CW303", "average-outside", "training"
    numbers = ("violation",)

    def find(self, evidence):
        for record, outside in evidence.averages:
            yield self.made(
                f"the average that the optimizer keeps of it (use_ema=True) is outside its set by "
                f"{outside:.3g}, and takes the place of the weight at the end of fit",
                "train with callbacks=[constrainit.KeepFeasible()], or call "
                "constrainit.project(model) after fit",
                {"violation": outside}, layer=record.layer.name, weight=record.path,
            )  # fmt: skip
