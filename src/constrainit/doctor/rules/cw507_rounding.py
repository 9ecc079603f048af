"""CW507 rounding."""

from constrainit.doctor.rules._rule import Rule, percent

LEAST = 5e-3


class Rounding(Rule):
    """The loss changes with the last bit of the weights.

    Large numbers that nearly cancel leave their rounding, and a division by something small makes
    it large: the second difference of a network over a step of 1e-4 divides errors of 1e-7 by 1e-8.
    What the loss then measures is noise, and so is its gradient.

    Example:
        keras.utils.set_random_seed(1)
        class Bend(layers.Layer):
            def build(self, shape):
                self.w = self.add_weight(shape=(4, 1))
            def call(self, x, h=1e-4):
                low, here, high = (ops.tanh((x + d) @ self.w) for d in (-h, 0.0, h))
                return (high - 2 * here + low) / h**2
        [Bend()]

    Use instead:
        keras.utils.set_random_seed(1)
        class Bend(layers.Layer):
            def build(self, shape):
                self.w = self.add_weight(shape=(4, 1))
            def call(self, x, h=0.1):
                low, here, high = (ops.tanh((x + d) @ self.w) for d in (-h, 0.0, h))
                return (high - 2 * here + low) / h**2
        [Bend()]

    Known limits:
        Asked only where the steps take less than a third off the loss, or a layer makes the
        gradient ten thousand times as large, of models whose steps are cheap, and whose random
        numbers come from seeds of their own. Reported from a change of half a percent on; sound
        models change by less than a hundredth of that.

    Source:
        Higham, Accuracy and Stability of Numerical Algorithms (2002), section 1.7: cancellation
        brings earlier errors into view. The weights are moved by one part in 2^23.
    """

    code, name, stage = "CW507", "rounding", "loss"
    numbers = ("change",)

    def find(self, evidence):
        found = evidence.rounding
        if found is None or not found.change > LEAST:
            return
        where = f", first in what {found.layer!r} gives" if found.layer else ""
        yield self.made(
            f"the last bit of the weights changes the loss by {percent(found.change)}{where}: it "
            f"measures rounding, and so does its gradient",
            "do not subtract numbers that are nearly the same: take a larger step in a difference, "
            "derivatives of the backend, or dtype='float64' in these layers",
            {"change": found.change}, layer=found.layer,
        )  # fmt: skip
