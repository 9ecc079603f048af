"""CW504 fading-gradient."""

from constrainit.doctor.rules._rule import Rule

_LEAST = 1e-6


class FadingGradient(Rule):
    """The gradient all but vanishes, or grows beyond use, on its way to the first layers.

    Each layer multiplies the gradient by the slope of its activation and by its weights. A factor
    of a quarter, the largest slope of a sigmoid, leaves a millionth after ten layers.

    Example:
        [
            layers.Dense(8, activation="sigmoid", kernel_constraint="unit_norm")
            for _ in range(14)
        ]

    Use instead:
        [
            layers.Dense(8, **ci.constrained(kernel=ci.UnitNorm(), activation="sigmoid", depth=14))
            for _ in range(14)
        ]

    Known limits:
        Compared are the outputs of layers, first against last, at the start and after the steps: a
        ratio below 1e-6 or above 1e6 is reported. An exact zero has other causes and other rules.

    Source:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks
        (2010). AUTOTRAINER (Zhang et al., 2021) calls 1e-3 vanishing, which healthy models reach.
    """

    code, name, stage = "CW504", "fading-gradient", "gradients"

    def find(self, evidence):
        first, last = _ratio(evidence.outputs), _ratio(evidence.outputs_last)
        if first is None or last is None:
            return
        low, high = min(first[0], last[0]), max(first[0], last[0])
        if high < _LEAST or low > 1 / _LEAST:
            what = "fades" if high < _LEAST else "grows"
            yield self.made(
                f"the gradient {what} by {first[0]:.3g} from the output of {first[2]!r} to that of "
                f"{first[1]!r}",
                "start with weights that keep the gradient: constrainit.constrained(kernel=..., "
                "activation=..., depth=...) or constrainit.calibrate(model, x), or take another "
                "activation",
                {"ratio": first[0]}, layer=first[1],
            )  # fmt: skip


def _ratio(outputs):
    """The gradient at the first output over that at the last, and the names of their layers."""
    known = [o for o in outputs if o.gradient]
    if len(known) < 3 or any(o.nonfinite for o in outputs):
        return None
    first, last = known[0], known[-1]
    return first.gradient / last.gradient, first.layer, last.layer
