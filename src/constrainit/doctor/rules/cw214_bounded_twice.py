"""CW214 bounded-twice."""

from constrainit.doctor.rules._rule import Rule


class BoundedTwice(Rule):
    """A constraint cuts off what a positive map of the same weight is there for.

    `softplus(v)` and `exp(v)` are positive for every `v`; a small value needs a `v` below zero.
    With a constraint that keeps `v` non-negative as well, `softplus(v)` is at least log(2) = 0.693,
    `exp(v)` at least 1, `sigmoid(v)` at least 0.5: the weight ends at its bound, and the layer
    never reaches the value that it should have.

    Example:
        class Decay(layers.Layer):
            def build(self, shape):
                self.rate = self.add_weight((1,), "ones", constraint="non_neg", name="rate")
            def call(self, t):
                return ops.exp(-ops.softplus(self.rate) * t)
        t = np.linspace(0, 8, 64)[:, None]
        model = keras.Sequential([keras.Input((1,)), Decay()])
        model.compile(keras.optimizers.Adam(0.03), "mse")
        ci.diagnose(model, t, np.exp(-0.15 * t))

    Use instead:
        class Decay(layers.Layer):
            def build(self, shape):
                self.rate = self.add_weight((1,), "ones", name="rate")
            def call(self, t):
                return ops.exp(-ops.softplus(self.rate) * t)
        t = np.linspace(0, 8, 64)[:, None]
        model = keras.Sequential([keras.Input((1,)), Decay()])
        model.compile(keras.optimizers.Adam(0.03), "mse")
        ci.diagnose(model, t, np.exp(-0.15 * t))

    Known limits:
        Read off the text of the layer's `call`, which must give the weight itself to softplus, exp
        or sigmoid, and to nothing else; code that is in no file is not read. A note where the steps
        do not move the weight towards its bound.

    Source:
        softplus(0) = log(2). Asked for a positive weight, forums name the constraint and the map;
        one of them is enough.
    """

    code, name, stage = "CW214", "bounded-twice", "training"
    numbers = ("bound", "least")

    def find(self, evidence):
        for made in evidence.twice:
            moves = "the steps move it towards that bound" if made.falls else "is that meant?"
            yield self.made(
                f"it is kept at {made.low:.3g} or more, and its layer takes {made.map} of it, "
                f"which is then at least {made.least:.3g}: {moves}",
                f"leave out the constraint: {made.map} is positive for every weight",
                {"bound": made.low, "least": made.least},
                layer=made.record.layer.name, weight=made.record.path,
                level="warning" if made.falls else "info",
            )  # fmt: skip
