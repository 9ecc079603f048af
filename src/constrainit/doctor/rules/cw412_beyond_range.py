"""CW412 beyond-range."""

from constrainit.doctor.rules._rule import Rule, beyond_bounds, percent, told


class BeyondRange(Rule):
    """An operation gives numbers that its dtype does not have, and what follows hides it.

    The square of 300 is infinite in float16, and its reciprocal root is zero: a normalization gives
    zeros, which are finite. `exp(-200)` is zero in float32: a density far from its center is the
    same for all parameters. A sigmoid of 20 is one. Nothing fails; but what is lost there is lost,
    and no gradient gets through it.

    Example:
        class Near(layers.Layer):
            def build(self, shape):
                self.center = self.add_weight(shape=(1, shape[-1]), initializer="zeros")

            def call(self, x):
                far = ops.sum(ops.square(100.0 * x - self.center), axis=1, keepdims=True)
                return ops.log(ops.exp(-far) + 1e-30)

        Near()

    Use instead:
        class Near(layers.Layer):
            def build(self, shape):
                self.center = self.add_weight(shape=(1, shape[-1]), initializer="zeros")

            def call(self, x):
                return -ops.sum(ops.square(x - self.center), axis=1, keepdims=True)

        Near()

    Known limits:
        Looked for where a weight gets no gradient at any step, or an output is the same for every
        example. An overflow counts wherever it is; an underflow and a saturated sigmoid only where
        every result of the operation is lost, and a sigmoid only if it is one of weights alone: of
        signals CW402 tells. Loops of JAX are looked at as a whole. Exponentials in layers of the
        user's own that are small and no zeros are asked for where the loss has not halved in the
        steps, all are below a thousandth for nine tenths of the examples, and steps are cheap:
        reported where 100 steps on half of the batch take more than half off the loss with
        exponents of about -1, and not as given.

    Source:
        pytorch/pytorch#133085 (the square in a normalization of float16), keras-team/keras#1061
        (the logarithm of a density that is zero).
    """

    code, name, stage = "CW412", "beyond-range", "forward"
    numbers = ("share", "exponent", "loss_at_the_end", "loss_with_larger_ones")

    def find(self, evidence):
        told = list(self._of_operations(evidence))
        yield from told
        if not told and evidence.small_exponentials is not None:
            yield self._of_exponentials(evidence.small_exponentials)

    def _of_exponentials(self, made):
        """Exponentials that are no zeros, but so small that nothing is learnt from them."""
        least, largest, mean = made.exponents
        first, given, larger = made.losses
        line = "" if made.source is None else f" in line {made.source.line}"
        return self.made(
            f"the exponentials{line} of {', '.join(made.layers[:3])} are below a thousandth for "
            f"{percent(made.share)} of the examples at the start, as their exponents are "
            f"{least:.3g} to {largest:.3g}, on average {mean:.3g}: next to no gradient comes "
            f"through. The loss of half of the batch goes from {first:.4g} to {given:.4g} in "
            f"{made.steps} steps, and to {larger:.4g} where exponents are multiplied by "
            f"{made.scale:g}",
            "start where exponents are about -1: squared distances add up over the inputs, so that "
            "a weight that multiplies them starts at about 1 over their mean, and a width at its "
            "root",
            {
                "share": made.share, "exponent": mean, "loss_at_the_end": given,
                "loss_with_larger_ones": larger,
            },
            layer=made.layers[0], source=made.source,
        )  # fmt: skip

    def _of_operations(self, evidence):
        never = [made.record for made in evidence.gradients if made.never]
        paths = {record.path for record in never}
        layers = {record.layer.name for record in never}
        still = {o.layer for o in evidence.outputs if o.spread <= 1e-6 * o.peak}
        cut_off = beyond_bounds(evidence)
        for operation in evidence.lossy:
            # That signals saturate, or all lie beyond bounds, have rules of their own.
            data = any(one.data for one in operation.operands)
            if operation in cut_off or ("saturated" in operation.limit and data):
                continue
            entered = {path for one in operation.operands for path in one.weights}
            at = {operation.layer} & (layers | still)
            if not (entered & paths or at or (operation.stage == "loss" and never)):
                continue
            text, where = told(operation)
            yield self.made(
                f"what comes out is finite, but inside is lost: {text}",
                _fix(operation),
                {"overflow": "overflow" in operation.limit},
                **{"stage": operation.stage, **where},
            )
            return


def _fix(operation):
    if "overflow" in operation.limit:
        return (
            'compute it in float32, such as ops.cast(x, "float32") before it and a cast back, or '
            "scale what enters it"
        )
    if operation.name in ("exp", "product"):
        return (
            "stay with logarithms: add exponents where you multiply what they give, and take "
            "ops.logsumexp in place of the logarithm of a sum; or scale what enters it"
        )
    if "saturated" in operation.limit:
        return (
            "start where it has a slope: a weight seen through a sigmoid starts at the logit of "
            "the value that you mean, log(p / (1 - p)); or scale what enters it"
        )
    return "scale what enters it, or compute it in float32"
