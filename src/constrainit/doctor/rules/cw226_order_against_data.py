"""CW226 order-against-data."""

from constrainit.doctor.rules._rule import Rule


class OrderAgainstData(Rule):
    """A weight is kept in an order along an axis, and the data need the opposite one.

    Thresholds, heights of a curve or the like rise or fall by rule. Where the layer takes them with
    the other sign, or the direction was given the wrong way round, each step of training goes
    against the rule: all entries end up alike, and the loss stalls with nothing wrong to be seen.

    Example:
        class Curve(layers.Layer):
            def build(self, shape):
                rises = ci.Monotone("increasing")
                self.heights = self.add_weight(shape=(5,), initializer="zeros", constraint=rises)
            def call(self, x):
                return ops.take(self.heights, ops.cast(x, "int32"), axis=0)
        model = keras.Sequential([keras.Input((1,)), Curve()])
        model.compile(keras.optimizers.Adam(0.1), "mse")
        ci.diagnose(model, np.arange(40)[:, None] % 5, 8.0 - np.arange(40)[:, None] % 5)

    Use instead:
        class Curve(layers.Layer):
            def build(self, shape):
                falls = ci.Monotone("decreasing")
                self.heights = self.add_weight(shape=(5,), initializer="zeros", constraint=falls)
            def call(self, x):
                return ops.take(self.heights, ops.cast(x, "int32"), axis=0)
        model = keras.Sequential([keras.Input((1,)), Curve()])
        model.compile(keras.optimizers.Adam(0.1), "mse")
        ci.diagnose(model, np.arange(40)[:, None] % 5, 8.0 - np.arange(40)[:, None] % 5)

    Known limits:
        Asked of small models with data that was given, and of constraints that make any weight rise
        along an axis, or any fall, up to four. Reported where, in 100 or 400 steps, the loss of
        examples that are not trained on is less than a third with the order the other way round, or
        the order as it is misses a third of what is taken off it then. Whether the rule, the sign
        that its layer takes it with or the data are wrong, only a person can tell.

    Source:
        Measured: the same training with the order the other way round. Cumulative models need
        ascending thresholds that are subtracted: McCullagh, Regression models for ordinal data
        (1980).
    """

    code, name, stage = "CW226", "order-against-data", "training"
    numbers = ("axis", "loss_as_it_is", "loss_the_other_way_round")

    def find(self, evidence):
        known = {id(made.record): made for made in evidence.constraints}
        for one in evidence.ordered_against:
            made, (first, given, lower) = known[id(one.record)], one.losses
            now, other = ("rise", "fall") if one.rises else ("fall", "rise")
            yield self.at_weight(
                made,
                f"its constraint ({made.text}) makes its entries {now} along axis {one.axis}, and "
                "the data need the opposite: the loss of examples that are not trained on goes "
                f"from {first:.4g} to {given:.4g} in {one.steps} steps, and to {lower:.4g} where "
                f"they {other}",
                f"let them {other}, or change the sign with which the layer takes them; if both "
                "are right, look at the data",
                {"axis": one.axis, "loss_as_it_is": given, "loss_the_other_way_round": lower},
            )
