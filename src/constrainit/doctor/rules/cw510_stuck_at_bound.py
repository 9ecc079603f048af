"""CW510 stuck-at-bound."""

from constrainit.doctor.rules._rule import Rule


class StuckAtBound(Rule):
    """A step has thrown a constrained weight onto the bound of its set, where it has no gradient.

    A step too long takes the weights beyond the bound, and the constraint puts them there. Of a
    product that is zero, or a unit that is off, neither factor gets a gradient then: the model
    gives the same for every example, and no later step brings it back. The loss is finite and may
    be far lower than at the start.

    Example:
        class Uptake(layers.Layer):
            def build(self, shape):
                self.a = self.add_weight(shape=(), initializer="ones", constraint="non_neg")
                self.k = self.add_weight(shape=(), initializer="ones", constraint="non_neg")
            def call(self, x):
                return self.a * (1.0 - ops.exp(-self.k * x))
        model = keras.Sequential([keras.Input((1,)), Uptake()])
        model.compile(keras.optimizers.SGD(5.0), "mse")
        ci.diagnose(model, np.arange(8.0)[:, None], 0.1 * np.tanh(np.arange(8.0))[:, None])

    Use instead:
        class Uptake(layers.Layer):
            def build(self, shape):
                self.a = self.add_weight(shape=(), initializer="ones", constraint="non_neg")
                self.k = self.add_weight(shape=(), initializer="ones", constraint="non_neg")
            def call(self, x):
                return self.a * (1.0 - ops.exp(-self.k * x))
        model = keras.Sequential([keras.Input((1,)), Uptake()])
        model.compile(keras.optimizers.SGD(0.05), "mse")
        ci.diagnose(model, np.arange(8.0)[:, None], 0.1 * np.tanh(np.arange(8.0))[:, None])

    Known limits:
        Asked where the output of the last layer is the same for all examples after the steps, and
        was not before them. All entries of the weight must be at one bound, which its constraint
        puts them back to, and its gradient exactly zero at the last three steps or more.

    Source:
        The dying of rectified units (Lu et al., 2019), for constraints in place of activations.
    """

    code, name, stage = "CW510", "stuck-at-bound", "training"
    numbers = ("bound", "steps", "looks", "gradient")

    def find(self, evidence):
        if not evidence.stuck or (evidence.losses and not evidence.losses[-1] > 0):
            return
        made = max(evidence.stuck, key=lambda one: one.step)
        others = [one.record.path for one in evidence.stuck if one is not made]
        also = f", as {', '.join(others[:3])}" if others else ""
        first = next(g.norm for g in evidence.gradients if g.record is made.record)
        yield self.made(
            f"after step {made.step} it is {made.bound:.3g}, the bound of its set{also}, and its "
            f"gradient, {first or 0.0:.3g} at the start, is exactly 0 at each of the "
            f"{made.looks} looks from then on: the model gives the same for every example, and "
            "nothing brings it back",
            "take a smaller learning rate, so that no step goes past the bound; or a set that ends "
            "before it, such as constrainit.Positive(1e-2) in place of weights of at least 0",
            {"bound": made.bound, "steps": made.step, "looks": made.looks, "gradient": 0.0},
            layer=made.record.layer.name, weight=made.record.path,
        )  # fmt: skip
