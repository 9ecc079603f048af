"""CW224 bound-too-narrow."""

from constrainit.doctor.rules._rule import Rule


class BoundTooNarrow(Rule):
    """A weight is at a bound of its set, and what the data need is beyond it.

    A rate, a scale or an offset of a layer of one's own often has bounds that were chosen in other
    units, or for other data. Each step pushes it on, and its constraint takes each step back. The
    loss stalls with nothing wrong to be seen in it: what else is trained makes up for a part.

    Example:
        class Decay(layers.Layer):
            def build(self, shape):
                rate = dict(shape=(), initializer=keras.initializers.Constant(0.3))
                self.rate = self.add_weight(**rate, constraint=ci.Box(0.1, 0.5))
            def call(self, x):
                return ops.exp(-self.rate * x)
        model = keras.Sequential([keras.Input((1,)), Decay()])
        model.compile(keras.optimizers.Adam(0.1), "mse")
        ci.diagnose(model, np.arange(32.0)[:, None] / 16, np.exp(-np.arange(32.0)[:, None] / 8))

    Use instead:
        class Decay(layers.Layer):
            def build(self, shape):
                rate = dict(shape=(), initializer=keras.initializers.Constant(0.3))
                self.rate = self.add_weight(**rate, constraint=ci.Box(0.1, 5.0))
            def call(self, x):
                return ops.exp(-self.rate * x)
        model = keras.Sequential([keras.Input((1,)), Decay()])
        model.compile(keras.optimizers.Adam(0.1), "mse")
        ci.diagnose(model, np.arange(32.0)[:, None] / 16, np.exp(-np.arange(32.0)[:, None] / 8))

    Known limits:
        Asked of small models with data that was given, and of numbers and vectors whose constraint
        does nothing but to clip each entry, at a bound that is not zero: where it took back each of
        the last five steps of one, over which the loss kept nine tenths of itself, or where one
        would be there within 80 steps if it went on as it did. Reported if it is there after 100
        steps and the loss stalls, which is less than a third with a bound ten or a hundred times as
        far away, or the bound misses a third of what is taken off it then: that of examples that
        are not trained on. A tenth less, after 400 steps, is enough where the weight goes farther
        beyond the bound than it was from there at the start. A sign that is wrong is not told.

    Source:
        Measured: the same training with a wider bound. The multiplier of a bound that the solution
        is at tells which way it would go: Nocedal and Wright, Numerical optimization (2006), 12.3.
    """

    code, name, stage = "CW224", "bound-too-narrow", "training"
    numbers = ("bound", "wider", "loss_at_bound", "loss_with_a_wider_bound")

    def find(self, evidence):
        known = {id(made.record): made for made in evidence.constraints}
        for one in evidence.pressed:
            pairs = zip(one.given, one.wider, strict=True)
            bound, wide = next(pair for pair in pairs if pair[0] != pair[1])
            first, given, lower = one.losses
            low, high = one.value
            value = f"{low:.3g}" if low == high else f"in [{low:.3g}, {high:.3g}]"
            yield self.at_weight(
                known[id(one.record)],
                f"it is at {bound:.3g}, a bound that its constraint ({known[id(one.record)].text}) "
                "keeps, and each step would take it beyond: the loss of examples that are not "
                f"trained on goes from {first:.4g} to {given:.4g} in {one.steps} steps, and stalls "
                f"there; with a bound of {wide:g} it comes down to {lower:.4g}, and the weight is "
                f"{value}",
                f"let the set reach as far as the data need, {wide:g} in place of {bound:.3g}; if "
                "the bound is right as it is, look at the units of the data",
                {
                    "bound": bound, "wider": wide, "loss_at_bound": given,
                    "loss_with_a_wider_bound": lower,
                },
            )  # fmt: skip
