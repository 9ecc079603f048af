"""CW223 unfit-normalization."""

from constrainit.doctor.rules._rule import Rule


class UnfitNormalization(Rule):
    """A normalization by the data has not seen it, or saw a part in which a column does not vary.

    `Normalization` gives back what it is given until `adapt` is called: pixels up to 255 and
    incomes in the thousands go on as they are. Adapted to a sample in which a column has one value
    it has a variance of zero there, and divides by 1e-7 in its place: the first other value comes
    out in the millions.

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
        mean there. A layer that was adapted to data of another scale is not seen.

    Source:
        `keras.layers.Normalization`: `adapt` is to be called before the layer is used; its call
        divides by the larger of the deviation and `keras.config.epsilon()`.
    """

    code, name, stage = "CW223", "unfit-normalization", "forward"
    numbers = ("flat", "peak", "size")

    def find(self, evidence):
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
