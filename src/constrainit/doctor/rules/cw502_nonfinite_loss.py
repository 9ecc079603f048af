"""CW502 nonfinite-loss."""

import math

from constrainit.doctor.rules._rule import Rule, at_operation, of_constants


class NonfiniteLoss(Rule):
    """The loss is NaN or infinite although every output is finite.

    The loss, its targets or a regularizer is at fault, not the forward pass.

    Example:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.ones((8, 4)), np.full((8, 1), np.nan))

    Use instead:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.ones((8, 4)), np.full((8, 1), 0.5))

    Known limits:
        The loss of one batch. A NaN in another batch of the data is not seen.

    Source:
        The first thing that SageMaker Debugger, DeepDiagnosis and AUTOTRAINER look at, and where
        they stop: none says which part of the loss it is.
    """

    code, name, level = "CW502", "nonfinite-loss", "error"
    numbers = ("loss",)

    def find(self, evidence):
        # What a layer adds to the loss is computed in the forward pass.
        found = [at_operation(evidence, stage) for stage in ("loss", "forward")]
        more, where = next((pair for pair in found if pair[0]), found[0])
        where = where | _penalized(evidence)
        constants, instead = of_constants(evidence, in_layers=False)
        for stage, outputs, loss in evidence.moments:
            if loss is None or math.isfinite(loss) or any(o.nonfinite for o in outputs):
                continue
            yield self.made(
                f"the loss is {loss} although every output is finite" + more + constants,
                instead or _fix(evidence.operation if more else None, where),
                {"loss": str(loss)},
                **{"stage": "loss" if stage == "forward" else stage, **where},
            )
            return


def _fix(operation, where):
    """What to write instead, by what can not be computed."""
    limit = operation.limit if operation else ""
    if operation and operation.name == "divide" and ("0/0" in limit or "by 0" in limit):
        return (
            "what it divides by is 0 in this batch, such as a count of pairs: divide by "
            "ops.maximum(count, 1.0), and draw batches that hold some"
        )
    if "negative number" in limit:
        return (
            "find out why it is below zero; a floor would only hide it: shares out of a softmax, "
            "scales out of a softplus, cutpoints in order by a cumulative sum"
        )
    if "overflow" in limit and operation and operation.name == "exp":
        return (
            "keep what goes into the exponential small: bring targets and outputs to one size, such"
            " as by y / y.mean(), or start the outputs at the size of the targets; write the "
            "logarithm of a sum of exponentials as ops.logaddexp or ops.logsumexp"
        )
    if "overflow" in limit:
        return (
            "keep small what goes into it: targets and outputs of one size, and steps that do not "
            "make the outputs grow"
        )
    return (
        "look for the logarithm of zero or of a negative number in the loss"
        + (f" that {where['layer']!r} adds" if "layer" in where else "")
        + ", and for NaN in the targets"
    )


def _penalized(evidence):
    """The layer whose own output a regularizer was given: Keras runs it in the model around."""
    operation = evidence.operation
    if operation is None or operation.stage != "forward":
        return {}
    penalized = [
        record.layer
        for record in evidence.weights
        if getattr(record.layer, "activity_regularizer", None) is not None
    ]
    names = {layer.name for layer in penalized}
    paths = {path for one in operation.operands for path in one.weights}
    used = {r.layer.name for r in evidence.weights if r.path in paths} & names
    return {"layer": used.pop()} if len(used) == 1 and operation.layer not in names else {}
