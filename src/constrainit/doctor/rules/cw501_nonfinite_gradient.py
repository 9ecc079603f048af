"""CW501 nonfinite-gradient."""

from constrainit.doctor.rules._rule import Rule


class NonfiniteGradient(Rule):
    """The first gradient of a weight is NaN or infinite.

    Reported where the forward pass was finite: then the derivative of an operation is at fault,
    such as that of a root, a norm or a logarithm at zero.
    """

    code, name, level, stage = "CW501", "nonfinite-gradient", "error", "gradients"

    def find(self, evidence):
        if any(output.nonfinite for output in evidence.outputs):
            return
        for gradient in reversed(evidence.gradients):
            if gradient.nonfinite:
                record = gradient.record
                yield self.made(
                    f"its first gradient has {gradient.nonfinite} entries that are NaN or infinite "
                    "although every output is finite",
                    "keep the weight away from the point where the derivative is infinite, for "
                    "example with Positive() or another start",
                    {"nonfinite": gradient.nonfinite}, layer=record.layer.name, weight=record.path,
                )  # fmt: skip
                return
