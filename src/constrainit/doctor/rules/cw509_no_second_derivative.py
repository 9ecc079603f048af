"""CW509 no-second-derivative."""

from constrainit._words import listed
from constrainit.doctor.rules._rule import Rule, percent


class NoSecondDerivative(Rule):
    """The loss asks for second derivatives of a network of straight pieces.

    A network of `relu` is linear between its corners: its second derivative is zero there, and does
    not exist at them. The residual of a differential equation of second order is then a constant
    that no weight changes; what is trained is the rest of the loss, such as its edges.

    Example:
        import jax

        class Bend(keras.Sequential):
            def call(self, x, **named):
                u = lambda t: super(Bend, self).call(t[None])[0, 0]
                return jax.vmap(jax.grad(lambda t: jax.grad(u)(t)[0]))(x)

        model = Bend([keras.Input((4,)), layers.Dense(64, "relu"), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(1e-6), "mse")
        x = np.random.default_rng(0).normal(size=(256, 4))
        ci.diagnose(model, x, x)

    Use instead:
        import jax

        class Bend(keras.Sequential):
            def call(self, x, **named):
                u = lambda t: super(Bend, self).call(t[None])[0, 0]
                return jax.vmap(jax.grad(lambda t: jax.grad(u)(t)[0]))(x)

        model = Bend([keras.Input((4,)), layers.Dense(64, "tanh"), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(1e-6), "mse")
        x = np.random.default_rng(0).normal(size=(256, 4))
        ci.diagnose(model, x, x)

    Known limits:
        Asked where the steps take less than a third off the loss, of models that compute a loss or
        an output by code of their own and whose steps are cheap. `relu`, `relu6` and `leaky_relu`
        as an `activation` are made round, once ten times less so; reported if the loss then
        changes by more than two fifths of what it did, and by a thousandth at least.

    Source:
        Raissi, Perdikaris and Karniadakis, Physics-informed neural networks (2019), which take
        tanh; arxiv.org/abs/2212.00270 on activations that have no second derivative.
    """

    code, name, stage = "CW509", "no-second-derivative", "loss"
    backends = ("jax",)
    numbers = ("change", "rounder")

    def find(self, evidence):
        found = evidence.kinks
        if found is None:
            return
        named = listed([repr(layer) for layer in found.layers])
        yield self.made(
            f"the loss depends on second derivatives, which the activation of {named} has "
            f"not: round corners change it by {percent(found.rounder)}, and by "
            f"{percent(found.change)} where they are ten times less round",
            "take an activation with as many derivatives as the equation asks for: tanh, softplus, "
            "silu, or a sine",
            {"change": found.change, "rounder": found.rounder},
        )  # fmt: skip
