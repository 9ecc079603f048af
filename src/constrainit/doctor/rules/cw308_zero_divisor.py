"""CW308 zero-divisor."""

from constrainit.doctor.rules._rule import Rule, percent


class ZeroDivisor(Rule):
    """A ReLU at the end of a model gives zeros, which the loss divides by.

    So does a variance or a scale in the likelihood of a normal law. A small number that is added
    keeps the loss finite, but of the examples whose scale is zero an error costs a million times
    as much as of others, and the scale has no gradient there that could take it up.

    Example:
        keras.utils.set_random_seed(0)
        def loss(y, p):
            return ops.square(y - p[:, :1]) / (p[:, 1:] + 1e-6) + ops.log(p[:, 1:] + 1e-6)
        x = keras.Input((4,))
        heads = [layers.Dense(1)(x), layers.Dense(1, "relu")(x)]
        model = keras.Model(x, layers.Concatenate()(heads))
        model.compile("adam", loss)
        data = np.random.default_rng(0).normal(size=(64, 4))
        ci.diagnose(model, data, data[:, :1])

    Use instead:
        keras.utils.set_random_seed(0)
        def loss(y, p):
            return ops.square(y - p[:, :1]) / (p[:, 1:] + 1e-6) + ops.log(p[:, 1:] + 1e-6)
        x = keras.Input((4,))
        heads = [layers.Dense(1)(x), layers.Dense(1, "softplus")(x)]
        model = keras.Model(x, layers.Concatenate()(heads))
        model.compile("adam", loss)
        data = np.random.default_rng(0).normal(size=(64, 4))
        ci.diagnose(model, data, data[:, :1])

    Known limits:
        Asked of layers with a ReLU whose outputs a functional model gives, put together or reshaped
        at most, and of a loss above zero. Reported where the loss is less than a tenth with small
        numbers in place of the zeros, a tenth of the size of what goes into the ReLU, and less than
        a tenth after 100 steps with a softplus. Not seen are a ReLU inside of the loss, and scales
        that only come near to zero. Where the loss is not finite, see CW502.

    Source:
        Bishop, Mixture Density Networks (1994), takes the exponential for scales; Lakshminarayanan
        et al. (2017), section 2.2.1, the softplus.
    """

    code, name, stage = "CW308", "zero-divisor", "loss"
    numbers = ("share", "lifted_loss", "loss_after", "softplus_loss_after")

    def find(self, evidence):
        made = evidence.zero_outputs
        if made is None:
            return
        before, after = made.losses
        yield self.made(
            f"its ReLU gives exactly 0 for {percent(made.share)} of what comes in, and the loss is "
            f"{before:.4g} for that: {made.lifted:.4g} with small numbers in place of the zeros, "
            f"which get no gradient to leave. In {made.steps} steps it goes to {after:.4g}, with a "
            f"softplus to {made.soft:.4g}",
            "a softplus for what the loss divides by or takes the logarithm of, or the exponential "
            "of what is clipped",
            {
                "share": made.share, "lifted_loss": made.lifted, "loss_after": after,
                "softplus_loss_after": made.soft,
            },
            layer=made.layers[0],
        )  # fmt: skip
