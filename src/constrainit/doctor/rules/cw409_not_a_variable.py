"""CW409 not-a-variable."""

import math

from constrainit.doctor.rules._rule import Rule


class NotAVariable(Rule):
    """A layer keeps a plain tensor and computes with it as if it were a weight.

    Only what `add_weight` makes, or a `keras.Variable`, is known to the model. A tensor that an
    initializer, `ops` or the backend gives is a constant: no optimizer moves it, no file holds it,
    and a model that is loaded has other numbers there. Nothing warns of it.

    Example:
        class Positive(layers.Layer):
            def build(self, shape):
                self.free = keras.initializers.RandomNormal(seed=1)((4, 8))
                self.bias = self.add_weight(shape=(8,), name="bias")
            def call(self, x):
                return x @ ops.softplus(self.free) + self.bias
        [Positive()]

    Use instead:
        class Positive(layers.Layer):
            def build(self, shape):
                self.free = self.add_weight(shape=(4, 8), initializer="random_normal", name="free")
                self.bias = self.add_weight(shape=(8,), name="bias")
            def call(self, x):
                return x @ ops.softplus(self.free) + self.bias
        [Positive()]

    Known limits:
        A constant may be meant: frequencies, a fixed projection. So it is a note, and a warning
        only where nothing but biases is trained in the whole model, where the layer holds a
        constraint that acts on no weight, or where PyTorch was told to keep a gradient. Not looked
        at are layers with a trainable matrix of their own, NumPy arrays, tensors in lists, vectors,
        tensors of few different numbers, and models whose steps are dear.

    Source:
        keras-team/keras#4401 (tensors are not trainable), haidark/WaveletDeconv#1. The outputs are
        those with the tensor and with half of it.
    """

    code, name, stage = "CW409", "not-a-variable", "forward"
    numbers = ("numbers", "loss_after")

    def find(self, evidence):
        last = evidence.losses[-1] if evidence.losses else None
        for made in evidence.plain:
            why = ""
            if made.meant:
                why = ", though it was made to be trained"
            elif made.alone:
                why = ", and nothing but biases is trained in the whole model"
            yield self.made(
                f"its {made.name!r} is a plain tensor of {math.prod(made.shape)} numbers that the "
                f"outputs depend on: no step trains it, and no file holds it{why}",
                "make it a weight, by self.add_weight in build; if it is meant to be constant, "
                "by self.add_weight(..., trainable=False), so that it is saved",
                {"numbers": math.prod(made.shape), "loss_after": last},
                layer=made.holder.name, level="warning" if made.meant or made.alone else "info",
            )  # fmt: skip
