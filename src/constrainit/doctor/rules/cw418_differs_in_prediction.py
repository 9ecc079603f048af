"""CW418 differs-in-prediction."""

from constrainit._words import listed
from constrainit.doctor.rules._rule import Rule


class DiffersInPrediction(Rule):
    """A layer computes something else in prediction, and the model predicts what it never learnt.

    A rule, a normalization or a scale that stands in `if training:` belongs to the function that
    is trained: without it the same weights are another function. The loss falls, and what
    `evaluate`, `predict` and an exported model give has nothing to do with it. Only what draws
    random numbers, or notes statistics for later, may ask whether the model trains.

    Example:
        class Unit(layers.Dense):
            def call(self, x, training=False):
                w = self.kernel
                if training:
                    w = w / ops.norm(w, axis=0)
                return x @ w
        model = keras.Sequential([keras.Input((4,)), Unit(16, kernel_initializer="ones"), Unit(1)])
        model.compile(keras.optimizers.Adam(0.05), "mse")
        x = np.random.default_rng(0).normal(size=(64, 4))
        ci.diagnose(model, x, x[:, :1])

    Use instead:
        class Unit(layers.Dense):
            def call(self, x):
                return x @ (self.kernel / ops.norm(self.kernel, axis=0))
        model = keras.Sequential([keras.Input((4,)), Unit(16), Unit(1)])
        model.compile(keras.optimizers.Adam(0.05), "mse")
        x = np.random.default_rng(0).normal(size=(64, 4))
        ci.diagnose(model, x, x[:, :1])

    Known limits:
        Asked of layers of the user's own whose `call` takes `training`, in models whose steps are
        cheap. Reported where, after the steps that are looked at, the batch costs twice as much in
        prediction as in training, a tenth of the loss at the start at least, and at most a quarter
        of the difference is left where the layers of one class compute as in training. Statistics
        that passes in training assign are first given 300 of them to settle; where they still move
        then, nothing is said. With an edit where the class holds no such statistics and the branch
        draws no random numbers.

    Source:
        Salimans and Kingma, Weight normalization (2016), section 2: the weight that is computed
        is that of the model, and of no phase. Keras, "Making new layers and models via
        subclassing", on the argument `training` of `call`.
    """

    code, name, stage = "CW418", "differs-in-prediction", "training"
    numbers = ("loss_in_training", "loss_in_prediction", "loss_as_in_training")

    def find(self, evidence):
        made = evidence.in_prediction
        if made is None:
            return
        trained, given, other = made.losses
        names = listed([repr(name) for name in made.layers])
        if made.has_state:
            fix = (
                "see that in training the layer assigns what prediction takes, of the same axes "
                "and with the momentum on the old value"
            )
        else:
            fix = (
                "compute the same whether the model trains or not: only what draws random numbers "
                "or notes statistics belongs in `if training:`"
            )
        yield self.made(
            f"at the same weights the batch costs {trained:.4g} in training and {given:.4g} in "
            f"prediction: {names} give something else there. With what they compute in training a "
            f"prediction costs {other:.4g}",
            fix,
            {
                "loss_in_training": trained, "loss_in_prediction": given,
                "loss_as_in_training": other,
            },
            layer=made.layers[0],
        )  # fmt: skip
