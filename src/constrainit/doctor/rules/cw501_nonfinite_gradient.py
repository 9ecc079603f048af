"""CW501 nonfinite-gradient."""

import math

from constrainit.doctor.rules._rule import Rule, at_operation

_OF_AN_ANGLE = ("arccos", "arcsin", "arctanh")


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
    numbers = ("nonfinite",)

    def find(self, evidence):
        step = evidence.fault_step
        if step is None:
            return
        until = evidence.moments[: min(step, 2) + 1]
        if any(output.nonfinite for _, outputs, _ in until for output in outputs):
            return
        lost = {g.record.path: g for g in evidence.gradients if g.nonfinite}
        path = next((p for p in evidence.fault_weights if step > 0 or p in lost), None)
        if path is None or not all(map(math.isfinite, evidence.losses[: step + 1])):
            return
        more, where = at_operation(evidence, "gradients")
        if not more:
            more, where = _hidden(evidence)
        record = next(g.record for g in evidence.gradients if g.record.path == path)
        which = "its first gradient" if step == 0 else f"its gradient at step {step}"
        count = lost[path].nonfinite if path in lost else None
        yield self.made(
            f"{which} has {count or 'some'} entries that are NaN or infinite although every output "
            "is finite" + more,
            _fix(evidence),
            {"nonfinite": count},
            **{
                "stage": "gradients" if step == 0 else "training",
                "layer": record.layer.name, "weight": path, **where,
            },
        )  # fmt: skip


def _hidden(evidence):
    """An operation of the forward pass that makes an infinity, which what follows hides."""
    for stage in ("forward", "loss"):
        more, where = at_operation(evidence, stage)
        if more:
            return f": they hide what has no finite derivative{more}", where
    return "", {}


def _fix(evidence):
    operation = evidence.operation
    if operation is not None and operation.stage in ("forward", "loss"):
        return (
            "keep what enters that operation where it is finite, such as "
            "ops.log(ops.maximum(x, 1e-6)): what follows hides the infinity, not its derivative"
        )
    if operation is not None and operation.stage == "gradients":
        if "divisor of 0" in operation.limit:
            return (
                "replace the divisor where it is 0 before you divide, x / ops.where(d == 0, 1.0, "
                "d): a where() behind the division hides its value, not its derivative"
            )
        if operation.name in _OF_AN_ANGLE and operation.limit.endswith(" at 1"):
            return (
                "clip what enters that operation to a little inside of its bounds, such as "
                "ops.clip(x, -1 + 1e-6, 1 - 1e-6) in float32: a clip to the bounds themselves "
                "keeps the value finite, not the derivative"
            )
        if operation.limit.endswith("arccosh at 1"):
            return (
                "keep what enters that operation a little above 1, such as "
                "ops.maximum(x, 1 + 1e-6) in float32: at 1 it has a value, and no derivative"
            )
        if operation.operands and not any(one.weights for one in operation.operands):
            return (
                "keep what enters that operation away from the point where its derivative is "
                "infinite: add a small number under the root or norm, or write it without the "
                "pairs that are zero"
            )
    return (
        "keep the weight away from the point where the derivative is infinite, for "
        "example with Positive() or another start"
    )
