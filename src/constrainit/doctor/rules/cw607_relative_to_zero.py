"""CW607 relative-to-zero."""

from constrainit.doctor.rules._rule import Rule

_MORE = 1e4


class RelativeToZero(Rule):
    """A loss divides by the targets, and some of them are zero.

    An error of one at a target of zero is a thousand million percent: the loss consists of such
    examples and of nothing else, and the best answer to all is zero.

    Example:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mean_absolute_percentage_error")
        ci.diagnose(model, np.eye(4), np.arange(4.0)[:, None])

    Use instead:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mean_absolute_error")
        ci.diagnose(model, np.eye(4), np.arange(4.0)[:, None])

    Known limits:
        The loss is asked what an error costs at targets below 1e-4 of the largest and at the
        others; reported from ten thousand times as much on. Of losses whose predictions have
        another shape than the targets nothing is known.

    Source:
        `keras.losses.mean_absolute_percentage_error` divides by `max(abs(y_true), 1e-7)`; Hyndman
        and Koehler, Another look at measures of forecast accuracy (2006), section 2.
    """

    code, name, stage = "CW607", "relative-to-zero", "loss"
    numbers = ("times",)

    def find(self, evidence):
        for made in evidence.losses_of:
            if made.zeros > _MORE:
                yield self.made(
                    f"some targets are zero, and an error there counts {made.zeros:.2g} times as "
                    f"much as elsewhere in {made.name}: nothing but these examples is learnt",
                    "take mean_absolute_error or poisson, divide by the mean of all targets, or "
                    "leave these examples out",
                    {"times": made.zeros}, layer=made.layer,
                )  # fmt: skip
