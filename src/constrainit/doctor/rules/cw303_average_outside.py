"""CW303 average-outside."""

from constrainit.doctor.rules._rule import Rule


class AverageOutside(Rule):
    """The average of a weight that the optimizer keeps is outside the set of the weight.

    With `use_ema=True` Keras averages the weights before their constraint runs, and puts the
    averages in place of the weights at the end of `fit`: under a constraint of Keras' own, or a
    plain function, the trained model breaks its own rule. With a set of this library the average
    is one of weights that obey, and `fit` ends with its projection. Such an average is outside
    only if the set is not convex, as that of vectors of norm one is not, and is met as it is under
    `SwapEMAWeights`, in validation and in what a callback behind it saves: that is a note.

    Example:
        dense = layers.Dense(8, kernel_constraint=keras.constraints.NonNeg())
        model = keras.Sequential([keras.Input((4,)), dense])
        model.compile(keras.optimizers.SGD(0.1, use_ema=True), "mse")
        ci.diagnose(model)

    Use instead:
        dense = layers.Dense(8, **ci.constrained(kernel=ci.NonNegative()))
        model = keras.Sequential([keras.Input((4,)), dense])
        model.compile(keras.optimizers.SGD(0.1, use_ema=True), "mse")
        ci.diagnose(model)  # or fit with callbacks=[ci.KeepFeasible()]

    Known limits:
        Of a constraint of the user's own only by how much it moves the average is known. An average
        of few steps is near the weights; the longer the training, the further it may lie outside.
        Neither a model nor its file shows with which callbacks it is trained. Averages of steps
        that its optimizer has taken do: where they obey, it is a note, and a warning where they do
        not. Of a file without such steps it is a note. Sets that take their time, `Every` and
        `Relaxed`, are left out: there the weights themselves may be outside.

    Source:
        `Optimizer._update_model_variables_moving_average` and its place in `apply`, Keras 3.15.1.
    """

    code, name, stage = "CW303", "average-outside", "training"
    numbers = ("violation", "held")

    def find(self, evidence):
        for made in evidence.averages:
            yield self.made(
                *_told(made),
                {"violation": made.held or made.outside, **_held(made)},
                level="warning" if _is_known(made) else "info",
                layer=made.record.layer.name, weight=made.record.path,
            )  # fmt: skip


def _held(made):
    return {} if made.held is None else {"held": made.held}


def _is_known(made):
    """Whether an average is outside as the model is trained, and not only in the steps taken here.

    What callbacks `fit` is called with stands in the program; what they did, in the averages.
    """
    if made.ends_inside:
        return False
    return made.held > 0 if made.held is not None else not made.of_file


def _told(made):
    """The message and what to do."""
    if made.ends_inside:
        kept, by = ("has kept", made.held) if made.held else ("keeps", made.outside)
        return (
            f"the average that its optimizer {kept} of it (use_ema=True) is outside its set by "
            f"{by:.3g}. `fit` ends with its projection, but SwapEMAWeights puts the average as it "
            "is in place of the weight, to validate and to save",
            "behind SwapEMAWeights write constrainit.KeepFeasible(), which projects the averages; "
            "without it nothing is to be done",
        )
    fix = (
        "train with callbacks=[constrainit.KeepFeasible()], or call constrainit.project(model) "
        "after fit"
    )
    if made.held:
        return (
            "the average that its optimizer has kept of it (use_ema=True) is outside its set by "
            f"{made.held:.3g}, and takes the place of the weight at the end of fit",
            fix,
        )
    away = (
        f"outside its set by {made.outside:.3g} after steps without KeepFeasible, and takes the "
        "place of the weight at the end of fit"
    )
    if made.held is not None:
        return (
            f"the average that its optimizer has kept of it (use_ema=True) obeys its set; it is "
            f"{away}",
            "go on with the callbacks that it was trained with, which a model does not hold: "
            "callbacks=[constrainit.KeepFeasible()]",
        )
    if made.of_file:
        return (
            f"the average that the optimizer keeps of it (use_ema=True) is {away}; a file does not "
            "show which callbacks fit is called with, and this one holds no averages yet",
            fix,
        )
    return (
        "the average that the optimizer keeps of it (use_ema=True) is outside its set by "
        f"{made.outside:.3g}, and takes the place of the weight at the end of fit",
        fix,
    )
