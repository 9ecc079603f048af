"""CW413 hidden-weights."""

from constrainit.doctor.rules._rule import Rule


class HiddenWeights(Rule):
    """A layer keeps weights in an object that Keras does not look into, and computes with them.

    Keras follows the attributes of a layer that are layers, variables, or lists, tuples,
    dictionaries and sets of them. What an object of another class holds it does not see: no step
    trains these weights, no constraint holds for them, `summary()` does not count them, no file
    holds them, and a model that is loaded has other numbers there.

    Example:
        class Bank:
            def __init__(self):
                self.experts = [layers.Dense(4, "relu") for _ in range(2)]
        class Mixture(layers.Layer):
            def __init__(self):
                super().__init__()
                self.bank = Bank()
            def call(self, x):
                return sum(expert(x) for expert in self.bank.experts)
        [Mixture(), layers.Dense(1)]

    Use instead:
        class Mixture(layers.Layer):
            def __init__(self):
                super().__init__()
                self.experts = [layers.Dense(4, "relu") for _ in range(2)]
            def build(self, shape):
                for expert in self.experts:
                    expert.build(shape)
            def call(self, x):
                return sum(expert(x) for expert in self.experts)
        [Mixture(), layers.Dense(1)]

    Known limits:
        Looked at are public attributes of the user's own layers and models, and three levels of
        what these hold, in models whose steps are cheap. Weights that are not trainable, such as a
        frozen teacher that is kept out of the files, are not reported.

    Source:
        Keras' `Tracker` in `src/utils/tracking.py`. The outputs are those with the weights and with
        half of them.
    """

    code, name, stage = "CW413", "hidden-weights", "forward"
    numbers = ("numbers",)

    def find(self, evidence):
        for made in evidence.hidden:
            yield self.made(
                f"its {made.name!r} is of class {made.kind}, into which Keras does not look, and "
                f"holds {made.numbers} numbers of weights that the outputs depend on: no step "
                "trains them, no constraint holds for them, and no file has them",
                "keep the layers as attributes of the layer itself, such as a list of them, or "
                f"make {made.kind} a keras.layers.Layer",
                {"numbers": made.numbers}, layer=made.holder.name,
            )  # fmt: skip
