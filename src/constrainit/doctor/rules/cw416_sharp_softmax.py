"""CW416 sharp-softmax."""

from constrainit.doctor.rules._rule import Rule, percent


class SharpSoftmax(Rule):
    """A softmax in the user's own code picks one entry from the start, and its layer hardly learns.

    Where one entry gets nearly all, next to no gradient comes through: which one it is was decided
    by the weights as they were drawn. A frequent cause is attention whose scores are multiplied by
    the root of the width where they should be divided by it, or not scaled at all.

    Example:
        class Mix(layers.Layer):
            def build(self, shape):
                self.w = self.add_weight(shape=(4, 4))
            def call(self, x):
                return ops.softmax(ops.einsum("bif,fg,bjg->bij", x, 100 * self.w, x)) @ x
        x = np.random.default_rng(0).normal(size=(256, 8, 4))
        end = layers.Dense(1, kernel_initializer="zeros")
        model = keras.Sequential([keras.Input((8, 4)), Mix(), end])
        model.compile(keras.optimizers.Adam(0.03), "mse")
        ci.diagnose(model, x, 0 * x[:, :, :1] + x[:, :, :1].mean(axis=1, keepdims=True))

    Use instead:
        class Mix(layers.Layer):
            def build(self, shape):
                self.w = self.add_weight(shape=(4, 4))
            def call(self, x):
                return ops.softmax(ops.einsum("bif,fg,bjg->bij", x, 0.5 * self.w, x)) @ x
        x = np.random.default_rng(0).normal(size=(256, 8, 4))
        end = layers.Dense(1, kernel_initializer="zeros")
        model = keras.Sequential([keras.Input((8, 4)), Mix(), end])
        model.compile(keras.optimizers.Adam(0.03), "mse")
        ci.diagnose(model, x, 0 * x[:, :, :1] + x[:, :, :1].mean(axis=1, keepdims=True))

    Known limits:
        Asked of models whose steps are cheap, that have not been trained, with examples that are
        given, one half of which is trained on. Reported where one entry gets more than 0.95 in most
        rows at the start, and scores scaled to a deviation of one take the loss, in 50 steps, to
        less than a half of what it was, and of what those as given take it to in as many, and lower
        than these do in 100; unless these lose four fifths of it. Entries below -1e4 count as
        hidden. The softmax that gives what the model predicts is left out, as are those of Keras'
        layers, of loops that a backend compiles, and those that are written as an exponential over
        its sum.

    Source:
        Vaswani et al., Attention is all you need (2017), section 3.2.1, on why scores are divided
        by the root of the width; lsdefine/attention-is-all-you-need-keras#16.
    """

    code, name, stage = "CW416", "sharp-softmax", "forward"
    numbers = ("share", "deviation", "loss_of_half", "loss_at_the_end", "loss_with_the_softer")

    def find(self, evidence):
        made = evidence.sharp
        if made is None:
            return
        first, given, softer = made.losses
        line = "" if made.source is None else f" in line {made.source.line}"
        names = ", ".join(made.layers[:3])
        yield self.made(
            f"the softmax{line} of {names} gives more than 0.95 to a single entry in "
            f"{percent(made.share)} of its rows at the start, as what it is given deviates by "
            f"{made.spread:.3g} within a row: next to no gradient comes through. The loss of half "
            f"of the batch goes from {first:.4g} to {given:.4g} in {made.steps} "
            f"steps, and to {softer:.4g} with that scaled to a deviation of one",
            "divide the scores of attention by the root of the width of its keys, not multiply "
            "them, or start the weights that they are computed from smaller",
            {"share": made.share, "deviation": made.spread, "loss_of_half": first,
             "loss_at_the_end": given, "loss_with_the_softer": softer},
            layer=made.layers[0], source=made.source,
        )  # fmt: skip
