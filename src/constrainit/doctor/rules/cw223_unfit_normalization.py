"""CW223 unfit-normalization."""

from constrainit.doctor.rules._rule import Rule


class UnfitNormalization(Rule):
    """A normalization by the data has not seen it, or saw a part in which a column does not vary.

    `Normalization` gives back what it is given until `adapt` is called: pixels up to 255 and
    incomes in the thousands go on as they are. Adapted to a sample in which a column has one value
    it has a variance of zero there, and divides by 1e-7 in its place: the first other value comes
    out in the millions.

    A `BatchNormalization` that is frozen when it is new has a mean of 0 and a variance of 1 for
    ever: it gives on what it is given, in training, too. To freeze them belongs to models that were
    trained before.

    Example:
        keras.utils.set_random_seed(0)
        norm = layers.Normalization()
        norm.adapt(np.array([[1.0, 6.0], [2.0, 6.0], [3.0, 6.0]]))
        model = keras.Sequential([keras.Input((2,)), norm, layers.Dense(1)])
        model.compile("adam", "mse")
        x = np.array([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0], [2.0, 8.0]])
        ci.diagnose(model, x, x[:, :1])

    Use instead:
        keras.utils.set_random_seed(0)
        norm = layers.Normalization()
        x = np.array([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0], [2.0, 8.0]])
        norm.adapt(x)
        model = keras.Sequential([keras.Input((2,)), norm, layers.Dense(1)])
        model.compile("adam", "mse")
        ci.diagnose(model, x, x[:, :1])

    Known limits:
        Asked of `keras.layers.Normalization`. One that was not adapted is told of where it is
        given numbers above 10; one without variance, where the batch is a thousandth away from the
        mean there. A layer that was adapted to data of another scale is not seen. Of
        `BatchNormalization` those are looked at that are frozen and hold a mean of 0 and a variance
        of 1, and lie in no frozen part: in models whose steps are cheap, that have not been trained
        and whose loss hardly falls or is not finite. Reported where 60 steps on one half of the
        examples with them trained take more than twice as much off the loss of the other half, and
        a fifth of it at least.

    Source:
        `keras.layers.Normalization`: `adapt` is to be called before the layer is used; its call
        divides by the larger of the deviation and `keras.config.epsilon()`. A `BatchNormalization`
        with `trainable=False` runs as in prediction; keras-team/keras#9965.
    """

    code, name, stage = "CW223", "unfit-normalization", "forward"
    numbers = (
        "flat",
        "peak",
        "size",
        "frozen",
        "loss",
        "loss_at_the_end",
        "loss_with_them_trained",
    )

    def find(self, evidence):
        if evidence.identities is not None:
            yield self._of_frozen(evidence.identities)
        for one in evidence.scales:
            name = one.layer.name
            if one.flat:
                many = "one" if one.units == 1 else f"{one.flat} of {one.units}"
                message = (
                    f"the data that it was adapted to does not vary in {many} of its columns, and "
                    f"the batch does: {name!r} divides by 1e-7 there, and gives numbers of up to "
                    f"{one.peak:.3g} for inputs of up to {one.size:.3g}"
                )
                fix = "adapt it to data in which each column varies, or leave such a column out"
            else:
                message = (
                    f"it was not adapted to any data: {name!r} gives on what it is given, numbers "
                    f"of up to {one.size:.3g}"
                )
                fix = f"call adapt of {name!r} on the inputs of training before the first step"
            yield self.made(
                message, fix,
                {"flat": one.flat, "peak": one.peak, "size": one.size},
                layer=name,
            )  # fmt: skip

    def _of_frozen(self, made):
        """A finding of normalizations that are frozen as they were made."""
        first, given, other = made.losses
        count, name = len(made.layers), made.layers[0].name
        them = "it" if count == 1 else "them"
        others = "" if count == 1 else f", as {count - 1} more are"
        return self.made(
            f"{name!r} is frozen with the statistics of a new layer{others}: with a mean of 0 and "
            f"a variance of 1 it normalizes nothing, in training, too. In {made.steps} steps on "
            f"half of the batch the loss of the other half goes from {first:.4g} to {given:.4g}, "
            f"and to {other:.4g} with {them} trained",
            "leave out trainable=False: a BatchNormalization is frozen only where its model was "
            "trained before",
            {
                "frozen": count, "loss": first, "loss_at_the_end": given,
                "loss_with_them_trained": other,
            },
            layer=name,
        )  # fmt: skip
