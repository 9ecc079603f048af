"""CW216 sum-leaves-set."""

from constrainit.doctor.rules._rule import Rule


class SumLeavesSet(Rule):
    """A layer adds trained weights to one that is in a set, and computes with the sum.

    The constraint is on the part that is not trained, a pretrained kernel for instance, and holds.
    What the layer computes with is that part and an update, such as one of low rank, which may be
    anything: what the set promises, such as a model that is monotone, is lost as it trains.

    Example:
        class Adapted(layers.Layer):
            def build(self, shape):
                made = {"shape": (4, 3), "initializer": "ones"}
                self.base = self.add_weight(name="base", constraint=ci.NonNegative(), **made)
                self.update = self.add_weight(name="update", **made)
                self.base.trainable = False
            def call(self, x):
                return x @ (self.base - 2 * self.update)
        [Adapted(), layers.Dense(1)]

    Use instead:
        class Adapted(layers.Layer):
            def build(self, shape):
                made = {"shape": (4, 3), "initializer": "ones"}
                self.base = self.add_weight(name="base", constraint=ci.NonNegative(), **made)
                self.update = self.add_weight(name="update", **made)
                self.base.trainable = False
            def call(self, x):
                return x @ self.base.constraint(self.base - 2 * self.update)
        [Adapted(), layers.Dense(1)]

    Known limits:
        Looked at are sums in the source of `call` of a constrained weight that is not trained with
        an expression of weights that are, as the steps have left them. `enable_lora` of Keras'
        layers is held by KeepFeasible.

    Source:
        Hu et al., LoRA (2022): the adapted weight is the sum.
    """

    code, name, stage = "CW216", "sum-leaves-set", "training"
    numbers = ("outside",)

    def find(self, evidence):
        for made in evidence.summed:
            yield self.made(
                f"it is in its set and is not trained, but the layer computes with {made.text}, "
                f"which the steps have taken out of the set, by up to {made.apart:.3g}",
                f"compute with {_constrained(made)}, or with another map of the sum into the set",
                {"outside": made.apart},
                layer=made.record.layer.name, weight=made.record.path, source=made.source,
            )  # fmt: skip


def _constrained(made):
    names = [n for n, v in vars(made.record.layer).items() if v is made.record.variable]
    return f"self.{names[0]}.constraint({made.text})"
