"""CW413 hidden-weights."""

import keras

from constrainit.doctor._held_by_functions import is_missed
from constrainit.doctor.rules._rule import Rule


class HiddenWeights(Rule):
    """A layer keeps weights in an object that Keras does not look into, and computes with them.

    Keras follows the attributes of a layer that are layers, variables, or lists, tuples,
    dictionaries and sets of them. What an object of another class holds it does not see, nor what a
    function reads from outside, as that of a `Lambda` or an activation may: no step trains these
    weights, no constraint holds for them, `summary()` does not count them, no file holds them, and
    a model that is loaded has other numbers there.

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
        Looked at are attributes of the user's own layers and models, private ones where they are of
        a class of the user's own, and three levels of what these hold, and what functions read from
        a closure, a global or a default, in models whose steps are cheap. What functions read may
        be meant to stay: it is a note unless a hundred steps on half of the batch that train it,
        too, take a tenth more off the loss of the other half. Weights that are not trainable, such
        as a frozen teacher that is kept out of the files, are not reported.

    Source:
        Keras' `Tracker` in `src/utils/tracking.py`. The outputs are those with the weights and with
        half of them, and with a half in place of zeros.
    """

    code, name, stage = "CW413", "hidden-weights", "forward"
    numbers = ("numbers",)

    def find(self, evidence):
        for made in evidence.hidden:
            if made.function:
                yield self._of_function(made)
                continue
            yield self.made(
                f"its {made.name!r} is of class {made.kind}, into which Keras does not look, and "
                f"holds {made.numbers} numbers of weights that the outputs depend on: no step "
                "trains them, no constraint holds for them, and no file has them",
                f"{_kept(made)} as attributes of the layer itself, such as a list of them, or "
                f"make {made.kind} a keras.layers.Layer",
                {"numbers": made.numbers}, layer=made.holder.name,
            )  # fmt: skip

    def _of_function(self, made):
        """A finding of weights that a function reads from outside of its layer."""
        missed, shown = is_missed(made), ""
        if missed:
            first, given, moved = made.losses
            shown = (
                f". In {made.steps} steps on half of the batch the loss of the other half goes "
                f"from {first:.4g} to {given:.4g}, and to {moved:.4g} where they are trained, too"
            )
        of = "weight" if made.numbers == 1 else "weights"
        return self.made(
            f"its function {made.function!r} reads {made.name!r} from outside, where Keras does "
            f"not look, {made.numbers} {of} that the outputs depend on: no step trains them, no "
            f"constraint holds for them, and no file has them{shown}",
            f"write a layer of your own in its place, with self.{made.name} = "
            "self.add_weight(...) in build; or trainable=False for what is to stay",
            {"numbers": made.numbers}, layer=made.holder.name,
            level="warning" if missed else "info",
        )  # fmt: skip


def _kept(made):
    """How what an object holds is kept by a layer: variables are made by it."""
    alone = all(isinstance(part, keras.Variable) for part in made.parts)
    return "make them by add_weight, and keep them" if alone else "keep the layers"
