"""CW704 gradients-add-up."""

from constrainit._words import listed
from constrainit.doctor.rules._rule import Rule


class GradientsAddUp(Rule):
    """Each training step goes along the sum of all gradients so far.

    PyTorch adds the gradient of `loss.backward()` to what a weight holds already. A `train_step` of
    a model's own that never clears them trains as with a momentum of one: the loss falls at first,
    and then swings.

    Example:
        class Own(keras.Sequential):
            def train_step(self, data):
                self.compute_loss(y=data[1], y_pred=self(data[0])).backward()
                weights = self.trainable_weights
                self.optimizer.apply([w.value.grad for w in weights], weights)
                return {}

        model = Own([keras.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Use instead:
        class Own(keras.Sequential):
            def train_step(self, data):
                self.zero_grad()
                self.compute_loss(y=data[1], y_pred=self(data[0])).backward()
                weights = self.trainable_weights
                self.optimizer.apply([w.value.grad for w in weights], weights)
                return {}

        model = Own([keras.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Known limits:
        The same step is taken twice from the same weights: the gradients that it hands to an
        optimizer, or by which it moves a weight itself, are then twice as large. A step that adds
        up several batches on purpose does neither in between, and is not reported.

    Source:
        keras.io/guides/custom_train_step_in_torch: such a step begins with `self.zero_grad()`.
    """

    code, name, level, stage = "CW704", "gradients-add-up", "error", "gradients"
    backends = ("torch",)
    numbers = ("weights", "times")

    def find(self, evidence):
        own = evidence.own
        if own is None or not own.adding_up:
            return
        yield self.made(
            "its own train_step never clears its gradients: taken a second time from the same "
            f"weights, it gives gradients twice as large for {listed(own.adding_up)}",
            "call self.zero_grad() before loss.backward()",
            {"weights": len(own.adding_up), "times": 2.0}, source=own.source,
        )  # fmt: skip
