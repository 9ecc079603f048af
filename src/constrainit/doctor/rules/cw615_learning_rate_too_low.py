"""CW615 learning-rate-too-low."""

from constrainit.doctor._finding import Finding
from constrainit.doctor._own_optimizer import CLIPS
from constrainit.doctor.rules._rule import Rule

_LARGE = 10.0
"""Smaller weights are held in units of their own already."""


_UNITS = "hold it in units in which it is near one"
_OTHERS = "as the other weights that are as large or are to be"


class LearningRateTooLow(Rule):
    """The weights are so large, or the learning rate so low, that no training would move them.

    So it is where the gradients are clipped to far less than they are: with `SGD(0.01)` and a
    `global_clipnorm` of 1e-3 a step is 1e-5 long, whatever the loss is.

    Adam moves each entry by about its learning rate, whatever the gradient is. A weight that is
    held in the units of its subject, a stiffness of 12000 N/m, needs a million steps of 0.01 to
    change by itself; its constraint, whose bounds are as far away, has no part in that.

    Example:
        class Spring(layers.Layer):
            def build(self, shape):
                self.k = self.add_weight(shape=(), initializer=keras.initializers.Constant(9e3))
            def call(self, x):
                return self.k * x
        x = np.linspace(-1, 1, 32)[:, None]
        model = keras.Sequential([keras.Input((1,)), Spring()])
        model.compile(keras.optimizers.Adam(0.01), "mse")
        ci.diagnose(model, x, 2e4 * x)

    Use instead:
        class Spring(layers.Layer):
            def build(self, shape):
                self.k = self.add_weight(shape=(), initializer=keras.initializers.Constant(0.9))
            def call(self, x):
                return 1e4 * self.k * x
        x = np.linspace(-1, 1, 32)[:, None]
        model = keras.Sequential([keras.Input((1,)), Spring()])
        model.compile(keras.optimizers.Adam(0.01), "mse")
        ci.diagnose(model, x, 2e4 * x)

    Known limits:
        Reported where the first step moves every weight that has a gradient by less than a ten
        thousandth of itself, the loss does not fall by 1 % in the steps, and a rate a hundred or
        ten thousand times as large, or steps that nothing clips, take a fifth off the loss of
        examples that are not trained on. Where it moves them by up to a hundredth, a hundred times
        the rate must not do so: such weights are on their way to what is thousands of times away.
        Not looked at are models with a schedule, that were trained before, or whose steps are dear,
        and one large weight among others that are moved. Weights whose loss is three tenths below
        that of the same ones in another order are taken for trained, and a low rate for meant.

    Source:
        Kingma and Ba, Adam (2015), section 2.1: the size of a step is about the rate.
    """

    code, name, stage = "CW615", "learning-rate-too-low", "training"
    numbers = ("moved", "rate", "higher_rate", "free", *CLIPS)

    def find(self, evidence):
        slow = evidence.slow
        if slow is None:
            return
        before, given, faster = slow.losses
        if slow.clip:
            bounds = ", ".join(f"{name}={bound:g}" for name, bound in slow.clip.items())
            yield self.made(
                f"a step moves it by {slow.moved:.2g} of itself, as the optimizer clips the "
                f"gradients ({bounds}), and by {slow.free:.2g} without that: {slow.steps} steps "
                f"take the loss of examples that are not trained on from {before:.4g} to "
                f"{given:.4g}, and without the clip to {faster:.4g}",
                f"leave out {' and '.join(slow.clip)}, or clip at what the gradients are when "
                "they are usual, such as clipnorm=1.0",
                {"moved": slow.moved, "free": slow.free, "rate": slow.rate, **slow.clip},
                layer=slow.record.layer.name, weight=slow.record.path,
            )  # fmt: skip
            return
        higher = f"a learning rate of {slow.factor * slow.rate:.3g}"
        size = float(f"{slow.size:.1g}")
        units = f"{_UNITS}, and multiply by {size:g} in call, {_OTHERS}; or {higher}"
        yield self.made(
            f"a step moves it by {slow.moved:.2g} of itself: {slow.steps} steps take the loss of "
            f"examples that are not trained on from {before:.4g} to {given:.4g}, and with a rate "
            f"of {slow.factor * slow.rate:.3g} in place of {slow.rate:.3g} to {faster:.4g}"
            + _why(slow.small),
            units if slow.size > _LARGE else higher,
            {"moved": slow.moved, "rate": slow.rate, "higher_rate": slow.factor * slow.rate},
            layer=slow.record.layer.name, weight=slow.record.path,
        )  # fmt: skip


def _why(small):
    """What makes the gradients small, where the data do, as a further part of a sentence."""
    if not small:
        return ""
    sizes = " and ".join(f"{size:.2g} for the {name}" for name, size in small.items())
    return (
        f". The gradients are small as the {' and the '.join(small)} are: the root of the mean "
        f"square is {sizes}, and units in which it is about one make them larger"
    )


def without_refused(finding: Finding) -> str:
    """The fix of a finding without what was tried of it and is no cure."""
    numbers = finding.evidence
    if "higher_rate" not in numbers:
        bound = " and ".join(name for name in CLIPS if name in numbers)
        return (
            f"clip at what the gradients are when they are usual, such as {bound}=1.0: to leave "
            f"{bound} out was tried, and is no cure"
        )
    first, _, last = finding.fix.rpartition("; or ")
    rates = f"a rate of {numbers['higher_rate']:.3g} was tried, and is no cure"
    if first:
        return f"{first}; {rates}"
    between = f"{numbers['rate']:.3g} and {numbers['higher_rate']:.3g}"
    return f"{last.rpartition(' of ')[0]} between {between}, in small steps: {rates}"
