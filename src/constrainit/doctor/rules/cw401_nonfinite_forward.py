"""CW401 nonfinite-forward."""

from constrainit.doctor._out_of_domain import free_weights
from constrainit.doctor._products import product_of
from constrainit.doctor._set_code import written
from constrainit.doctor.rules._beyond_dtype import constant_beyond
from constrainit.doctor.rules._of_cayley import SKEW, told_of_cayley
from constrainit.doctor.rules._rule import Rule, at_operation, of_constants, percent, when
from constrainit.doctor.trace._limits import NEGATIVE_BASE

_ROUNDING = 1e-3

NOT_DEFINITE = (
    "add a little to its diagonal, such as 1e-4 * keras.ops.eye(n) in float32: what is definite in "
    "exact numbers may miss it by rounding; or keep the weights by a set such as "
    "PositiveSemidefinite(1e-2)"
)
"""What to do about a matrix that has no Cholesky factor."""


class NonfiniteForward(Rule):
    """A layer's output is NaN or infinite, in the first forward pass or after the first step.

    The first layer in the order of execution is named; the ones behind it follow from it. A NaN
    stays: the loss, every gradient and, after one step, every weight become NaN.

    Example:
        class Log(layers.Layer):
            def build(self, shape):
                self.w = self.add_weight(shape=(4,), initializer="zeros", constraint="non_neg")
            def call(self, x):
                return x * ops.log(self.w)

        Log()

    Use instead:
        class Log(layers.Layer):
            def build(self, shape):
                self.w = self.add_weight(
                    shape=(4,), initializer="ones", constraint=ci.Positive(0.1)
                )
            def call(self, x):
                return x * ops.log(self.w)

        Log()

    Known limits:
        Layers inside a loop over time are seen as one, and only the batch at hand is looked at.
        Of a Cayley transform by `keras.ops.solve`, or `inv` and `matmul`, it is said where its
        matrix is not skew-symmetric.

    Source:
        Keras' `TerminateOnNaN` names no layer (keras-team/keras#4849). On the collected models the
        first output, gradient or weight that is not finite is the true place in 11 of 12.
    """

    code, name, level = "CW401", "nonfinite-forward", "error"
    numbers = ("nonfinite_share",)

    def find(self, evidence):
        more, where = at_operation(evidence, "forward")
        constants, instead = of_constants(evidence, in_layers=True)
        skew, where = told_of_cayley(evidence.not_skew, where)
        fix = SKEW if skew else instead
        for stage, outputs, _ in evidence.moments:
            for output in outputs:
                if output.nonfinite > 0:
                    at = f"{when(stage, evidence)} ".lstrip()
                    yield self.made(
                        f"{at}the output of {output.kind} {output.layer!r} is the first that is "
                        f"not finite: {percent(output.nonfinite)} of its entries are NaN or "
                        f"infinite{more}{constants}{skew}",
                        fix or _fix(evidence, evidence.operation if more else None),
                        {"nonfinite_share": output.nonfinite},
                        **{"stage": stage, **where, "layer": _place(outputs, output, where)},
                    )
                    return


def _fix(evidence, operation):
    """What to write instead, by what can not be computed."""
    limit = operation.limit if operation else ""
    free = free_weights(evidence, operation) if operation else {}
    if free:
        own = {path for operand in operation.operands for path in operand.weights}
        named = [(path, one) for path, one in free.items() if path in own]
        sets = ", ".join(f"{path!r}: {written(one)}" for path, one in named)
        return (
            "nothing keeps the weights that it is computed from where they start: hold them there, "
            f"ci.constrain(model, {{{sets}}})"
        )
    beyond = constant_beyond(operation) if operation else ""
    if beyond:
        return beyond
    if "softmax" in limit:
        return (
            "leave no row masked in full: put a large negative number (-1e4) in place of minus "
            "infinity, or take such examples out of the batch"
        )
    if limit.startswith("inf - inf"):
        return (
            "put large numbers, such as -1e4, in place of infinities: of a row that is masked in "
            "full with minus infinity a softmax takes their difference"
        )
    if "overflow" in limit:
        half = 'compute the layer in float32, dtype="float32", or ' if "of float16" in limit else ""
        return (
            f"{half}bound what goes in: scale the data, take a bounded activation such as tanh in "
            "a recurrence, the exponential of ops.minimum(x, 0) where it is meant for x < 0, and "
            "ops.softmax or ops.logsumexp where it is divided by its sum"
        )
    if limit == NEGATIVE_BASE:
        return (
            "let what the power is taken of be positive by the layer that gives it, such as "
            'activation="softplus", or bound it from below by ops.maximum'
        )
    if limit.startswith("0/0") and _is_count(operation):
        return (
            "the divisor is a count that is 0 for some examples, such as the sum of a mask that is "
            "empty for a whole row: leave such examples out of the batch, or divide by "
            f"ops.maximum(count, 1.0){_in_own_layer(operation)}"
        )
    if limit.startswith("0/0"):
        return (
            "add to the divisor an epsilon that its dtype can hold (1e-6 in float32, 1e-3 in "
            "float16), inside of a root; take a norm by keras.ops.normalize"
        )
    if limit == "log of 0" and product_of(operation.source) is not None:
        return (
            "what it is taken of is a product of a factor below one for each step, and after many "
            "steps less than its dtype holds: divide it by its sum in each step and add up the "
            "logarithms of the sums, or keep the recursion in logarithms, by ops.logsumexp; no "
            "gradient comes through a floor under the logarithm"
        )
    if limit == "0 to a negative power":
        return (
            "take the power only where there is one: ops.where(x > 0, ops.maximum(x, 1e-6) ** -0.5,"
            " 0.0), such as for a node without neighbours"
        )
    if limit.startswith("Cholesky"):
        return NOT_DEFINITE
    if "outside of [-1, 1]" in limit and _is_by_rounding(operation.operands[0].numbers):
        return (
            "keep what goes in a little inside: rounding takes a cosine of 1 beyond it, and there "
            "is no slope at the ends: ops.clip(x, -1 + 1e-6, 1 - 1e-6)"
        )
    negative = _below_zero(operation) if operation else ""
    if negative:
        return negative
    return (
        "look at the domain of its operations: a logarithm, root, power or quotient of a weight "
        "that its set allows to reach the bound"
    )


def _below_zero(operation):
    """What has to hold of the operand of a logarithm or root that its weights take below zero."""
    weights = [path for one in operation.operands for path in one.weights]
    if "a negative number" not in operation.limit or not weights:
        return ""
    low = min(one.numbers.minimum for one in operation.operands)
    return (
        f"what it is taken of goes down to {low:.3g}, and has to stay above 0 for whatever values "
        f"training gives {', '.join(dict.fromkeys(weights))}: compute it so that it does, as by a "
        "softplus or a sum of positive numbers, or keep these weights where it does; a floor under "
        "it would only hide the fault"
    )


def _is_by_rounding(entered):
    """Whether numbers are outside of [-1, 1] by no more than rounding."""
    return max(-entered.minimum, entered.maximum) <= 1.0 + _ROUNDING


def _is_count(operation):
    """Whether what is divided by is a number of things: of the data, whole, and zero or more."""
    divisor = operation.operands[-1]
    low, high = divisor.numbers.minimum, divisor.numbers.maximum
    return divisor.data and not divisor.weights and low == 0 and high >= 1 and high == round(high)


def _in_own_layer(operation):
    """What is said besides where the code that divides is not the user's own."""
    return "" if operation.source else ", in a layer of your own in place of this one"


def _place(outputs, output, where):
    """The layer of the operation, or the one around it where that is a part such as a cell."""
    inner = where.get("layer", output.layer)
    return inner if any(o.layer == inner for o in outputs) else output.layer
