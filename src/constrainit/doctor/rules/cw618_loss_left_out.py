"""CW618 loss-left-out."""

from constrainit._words import listed
from constrainit.doctor.rules._rule import Rule

_SHOWN = 3


class LossLeftOut(Rule):
    """The loss of an output counts for nothing, and layers are trained for that output alone.

    A loss weight of zero, as an experiment leaves it behind, takes the loss of an output out of
    what is trained. Its metrics are reported as before, and the layers that lead to it alone stay
    what they were drawn as. So it is with an output that `compile` is given no loss for, although
    the batch holds targets for it.

    Example:
        inputs = keras.Input((4,))
        heads = {name: layers.Dense(1, name=name)(inputs) for name in ("a", "b")}
        model = keras.Model(inputs, heads)
        model.compile("sgd", {"a": "mse", "b": "mse"}, loss_weights={"a": 1.0, "b": 0.0})
        ci.diagnose(model, np.eye(4), {"a": np.ones((4, 1)), "b": np.ones((4, 1))})

    Use instead:
        inputs = keras.Input((4,))
        heads = {name: layers.Dense(1, name=name)(inputs) for name in ("a", "b")}
        model = keras.Model(inputs, heads)
        model.compile("sgd", {"a": "mse", "b": "mse"}, loss_weights={"a": 1.0, "b": 0.5})
        ci.diagnose(model, np.eye(4), {"a": np.ones((4, 1)), "b": np.ones((4, 1))})

    Known limits:
        Told only where weights get no gradient at any step, and would get one if the loss of the
        output counted: not of layers that are frozen, or lead to other outputs, too. A loss weight
        that is a variable is one that training may change. An output without a loss is told only
        where the batch was given targets for it; which loss it is to have is not guessed. Not known
        of models with a step or a loss of their own, and of outputs with several losses.

    Source:
        `keras.Model.compile`: `loss_weights`. Each output's loss is given a weight of one for a
        step, and the gradients are compared.
    """

    code, name, stage = "CW618", "loss-left-out", "training"
    numbers = ("weights", "own_loss")

    def find(self, evidence):
        for one in evidence.uncounted:
            named = listed([record.path for record in one.records], _SHOWN)
            if one.loss is None:
                said = (
                    f"the output {one.name!r} has targets and no loss: {named} would be trained by "
                    "one alone, and get no gradient"
                )
                fix = f"give compile a loss for {one.name!r}, or leave its targets out and freeze "
                fix += "these layers (trainable=False)"
            else:
                said = (
                    f"the loss weight of the output {one.name!r} is 0: {named} would be trained by "
                    "its loss alone, and get no gradient at any step; its loss is "
                    f"{one.loss:.4g} after the steps"
                )
                fix = (
                    f"give it a loss weight above zero, such as loss_weights={{{one.name!r}: 1.0}}"
                )
                fix += ", with those of the others; or, if it is not to be trained, freeze these "
                fix += "layers (trainable=False)"
            yield self.made(
                said,
                fix,
                {"weights": len(one.records)}
                | ({} if one.loss is None else {"own_loss": one.loss}),
                layer=one.records[-1].layer.name,
            )
