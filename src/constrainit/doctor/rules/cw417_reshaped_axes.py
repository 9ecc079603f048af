"""CW417 reshaped-axes."""

from constrainit.doctor.rules._rule import Rule


class ReshapedAxes(Rule):
    """A Reshape stands where two axes should be exchanged, and mixes them up.

    `Reshape` keeps the order of the numbers and only cuts them anew. From 8 channels of 96 samples
    to 96 steps of 8 channels, it makes each step of 8 samples in a row of one channel. Nothing
    raises, and something is learnt of it, so that the model only seems to be weak.

    Example:
        x = np.random.default_rng(0).normal(size=(64, 4, 8))
        given = keras.Input((4, 8))
        h = layers.Reshape((8, 4))(given)
        model = keras.Model(given, layers.Dense(1, kernel_initializer="zeros")(h))
        model.compile(keras.optimizers.Adam(0.02), "mse")
        ci.diagnose(model, x, x[:, :1].transpose(0, 2, 1))

    Use instead:
        x = np.random.default_rng(0).normal(size=(64, 4, 8))
        given = keras.Input((4, 8))
        h = layers.Permute((2, 1))(given)
        model = keras.Model(given, layers.Dense(1, kernel_initializer="zeros")(h))
        model.compile(keras.optimizers.Adam(0.02), "mse")
        ci.diagnose(model, x, x[:, :1].transpose(0, 2, 1))

    Known limits:
        Asked of functional and sequential models whose steps are cheap, that have not been trained
        and whose loss hardly falls, of each `keras.layers.Reshape` that gives the shape that it is
        given with two axes of other sizes exchanged. Reported where 80 steps on one half of the
        examples with these axes exchanged take more than twice as much off the loss of the other
        half, and a fifth of it at least. A reshape that is meant is not. Neither is one by
        `keras.ops.reshape`.

    Source:
        Asked again and again of signals whose channels come first; `keras.layers.Reshape` gives
        numbers in the order of rows, as `numpy.reshape` does.
    """

    code, name, stage = "CW417", "reshaped-axes", "forward"
    numbers = ("loss_of_half", "loss_as_given", "loss_with_axes_exchanged")

    def find(self, evidence):
        made = evidence.reshaped
        if made is None:
            return
        first, given, other = made.losses
        shape = tuple(made.given)
        target = tuple(shape[axis - 1] for axis in made.axes)
        yield self.made(
            f"it cuts numbers of the shape {shape} anew, to {target}, and exchanges no axes: what "
            f"belongs to one place is not together any more. The loss of examples that are not "
            f"trained on goes from {first:.4g} to {given:.4g} in {made.steps} steps, and to "
            f"{other:.4g} with the axes exchanged",
            f"layers.Permute({made.axes}) in place of Reshape({target})",
            {
                "loss_of_half": first, "loss_as_given": given, "loss_with_axes_exchanged": other,
            },
            layer=made.layer.name,
        )  # fmt: skip
