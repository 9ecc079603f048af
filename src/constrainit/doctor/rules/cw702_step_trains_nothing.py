"""CW702 step-trains-nothing."""

from constrainit._words import listed
from constrainit.doctor.rules._rule import Rule

_FEW = 3


class StepTrainsNothing(Rule):
    """No trainable weight moves in the steps of a model's own train_step.

    A step that computes a loss and never hands gradients to an optimizer reports numbers as any
    other, epoch after epoch. So does one whose gradients are taken of a loss that does not depend
    on the weights, or that throws away the state that it should return (JAX).

    Example:
        class Own(keras.Sequential):
            def train_step(self, data):
                return {"loss": self.compute_loss(y=data[1], y_pred=self(data[0]))}

        model = Own([keras.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Use instead:
        # the train_step of keras.Model, or in your own: self.optimizer.apply(gradients, weights)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Known limits:
        Where some weights move and others are handed to no optimizer, it is a note: a teacher, a
        target network or features that are only read may be meant to stay.

    Source:
        keras.io/guides/custom_train_step_in_torch, and its twins for JAX and TensorFlow.
    """

    code, name, stage = "CW702", "step-trains-nothing", "training"
    backends = ("torch", "tensorflow")
    numbers = ("steps", "moved", "handed", "left", "trainable")

    def find(self, evidence):
        own = evidence.own
        if own is None or own.as_usual or evidence.faults or evidence.fault_step is not None:
            return
        trainable = [r for r in evidence.weights if r.variable.trainable]
        if trainable and not own.moved:
            why = (
                f"although it hands {len(own.handed)} of them to an optimizer"
                if own.handed
                else "and it hands none of them to an optimizer of Keras"
            )
            yield self.made(
                f"{own.steps} steps of its own train_step move none of its {len(trainable)} "
                f"trainable weights, {why}",
                "take the gradients of the loss by the trainable weights and hand both to "
                "self.optimizer.apply(gradients, weights); with JAX return the new state",
                {"steps": own.steps, "moved": 0, "handed": len(own.handed)}, source=own.source,
            )  # fmt: skip
            return
        left = [r.path for r in trainable if r.path not in own.moved | own.handed]
        if left:
            yield self.made(
                f"its own train_step neither moves nor hands to an optimizer {len(left)} of its "
                f"{len(trainable)} trainable weights: {listed(left, _FEW)}",
                "right if they are only read; then trainable=False says so. Else add them to the "
                "weights that gradients are taken of",
                {"left": len(left), "trainable": len(trainable)}, level="info", source=own.source,
            )  # fmt: skip
