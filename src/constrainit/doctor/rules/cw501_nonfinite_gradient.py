"""CW501 nonfinite-gradient."""

from constrainit.doctor.rules._rule import Rule


class NonfiniteGradient(Rule):
    """The first gradient of a weight is NaN or infinite.

    Reported where the forward pass was finite: then the derivative of an operation is at fault,
    such as that of a root, a norm or a logarithm at zero. One step later the weight is lost.

    Example:
        class Root(layers.Layer):
            def build(self, shape):
                self.w = self.add_weight(shape=(4,), initializer="zeros", constraint="non_neg")
            def call(self, x):
                return x + ops.sqrt(self.w)

        Root()

    Use instead:
        class Root(layers.Layer):
            def build(self, shape):
                self.w = self.add_weight(
                    shape=(4,), initializer="ones", constraint=ci.Positive(0.1)
                )
            def call(self, x):
                return x + ops.sqrt(self.w)

        Root()

    Known limits:
        The gradient of the batch at hand. `NonNeg` may turn an infinite update into a zero, so that
        the weights stay finite for a while.

    Source:
        jax-ml/jax#475 on NaN that is only in the gradient; measured on all three backends.
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
