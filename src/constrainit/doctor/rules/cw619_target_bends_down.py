"""CW619 target-bends-down."""

from constrainit._words import listed
from constrainit.doctor.rules._rule import Rule, percent


class TargetBendsDown(Rule):
    """The model can only bend up, as a convex function, and the targets bend down.

    Where no kernel may be negative and each activation is a ReLU, or another one that rises and
    bends up, so does each output. A curve that saturates is not learnt by it, however wide and
    deep: monotone models need activations that bend both ways, or some of either kind.

    Example:
        inside = ci.constrained(kernel=ci.NonNegative())
        hidden, last = layers.Dense(16, "relu", **inside), layers.Dense(1, **inside)
        model = keras.Sequential([keras.Input((1,)), hidden, last])
        model.compile(keras.optimizers.Adam(0.05), "mse")
        x = np.linspace(-2, 2, 64)[:, None]
        ci.diagnose(model, x, 3 * np.tanh(2 * (x + 1)))

    Use instead:
        inside = ci.constrained(kernel=ci.NonNegative())
        hidden, last = layers.Dense(16, "tanh", **inside), layers.Dense(1, **inside)
        model = keras.Sequential([keras.Input((1,)), hidden, last])
        model.compile(keras.optimizers.Adam(0.05), "mse")
        x = np.linspace(-2, 2, 64)[:, None]
        ci.diagnose(model, x, 3 * np.tanh(2 * (x + 1)))

    Known limits:
        Asked of small models with one array of inputs `(examples, inputs)` and one output, whose
        kernels all keep from being negative. Reported if the output is nowhere above the mean half
        way between examples, squares of the inputs that bend down take a fifth off what a plane
        leaves of the targets, and 150 steps with tanh leave less than a third of the loss, of
        examples that are not trained on. A model that is to be convex needs other targets.

    Source:
        Runje and Shankaranarayana, Constrained monotonic neural networks (2023), section 3.
    """

    code, name, stage = "CW619", "target-bends-down", "training"
    numbers = ("share", "loss_as_it_is", "loss_with_tanh")

    def find(self, evidence):
        one = evidence.bending
        if one is not None:
            first, given, other = one.losses
            yield self.made(
                f"no kernel may be negative, and {one.activation} bends up, so that what the model "
                "gives is a convex function of its inputs; the targets bend down (squares of the "
                f"inputs explain {percent(one.share)} of what a plane does not): {one.steps} steps "
                f"take the loss of examples that are not trained on from {first:.4g} to "
                f"{given:.4g}, and with tanh to {other:.4g}",
                f"take an activation that bends both ways, such as tanh, in {listed(one.layers)}: "
                "the model is monotone as before, and no longer convex",
                {"share": one.share, "loss_as_it_is": given, "loss_with_tanh": other},
                layer=one.record.layer.name, weight=one.record.path,
            )  # fmt: skip
