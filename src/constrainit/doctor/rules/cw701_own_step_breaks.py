"""CW701 own-step-breaks."""

import math

from constrainit.doctor.rules._rule import Rule


class OwnStepBreaks(Rule):
    """What a model's own train_step computes is NaN or infinite, though its layers are sound.

    A step that a model has of its own may compute several losses, and may set weights by itself.
    Reported is what is first not finite where no layer, no gradient and no single loss tells: one
    of several losses, or a weight that was finite, and so was its gradient, before it was set.

    Example:
        class Own(keras.Sequential):
            def train_step(self, data):
                error = ops.mean(ops.square(data[1] - self(data[0])))
                return {"critic_loss": error, "maker_loss": ops.log(error - error)}

        model = Own([keras.Input((4,)), layers.Dense(1)])
        model.compile()
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Use instead:
        class Own(keras.Sequential):
            def train_step(self, data):
                error = ops.mean(ops.square(data[1] - self(data[0])))
                return {"critic_loss": error, "maker_loss": ops.log(error + 1e-6)}

        model = Own([keras.Input((4,)), layers.Dense(1)])
        model.compile()
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Known limits:
        The operation is not searched for. Numbers that are not called a loss may be NaN for a
        while, such as a correlation, and are a note. Gradients are seen where they are handed to
        an optimizer of Keras.

    Source:
        keras.io/guides/custom_train_step_in_torch, and its twins for JAX and TensorFlow: the steps
        of generative adversarial networks report two losses.
    """

    code, name, level, stage = "CW701", "own-step-breaks", "error", "training"
    backends = ("torch", "tensorflow")
    numbers = ("step", "steps")

    def find(self, evidence):
        own = evidence.own
        if own is None:
            return
        yield from self._odd(own)
        if own.as_usual or evidence.fault_step is None or _is_told_otherwise(evidence):
            return
        if own.ruined:
            what = f"{', '.join(own.ruined[:3])} hold NaN or infinity after step {own.steps - 1}"
            what += ", although every gradient that an optimizer was handed is finite"
        else:
            what = f"{', '.join(own.bad)} is not finite at step {own.steps - 1}"
            what += ", although what every layer gives is"
        yield self.made(
            f"in its own train_step, {what}",
            "look for a division by 0 or the logarithm of 0 between the outputs of the layers and "
            "that number, and at weights that train_step assigns to",
            {"step": own.steps - 1},
            weight=own.ruined[0] if len(own.ruined) == 1 else "", source=own.source,
        )  # fmt: skip

    def _odd(self, own):
        if own.odd:
            yield self.made(
                f"its own train_step reports {', '.join(own.odd)} as NaN or infinite; no weight is",
                "nothing, if that number has no value for such a batch",
                {"steps": own.steps}, level="info", source=own.source,
            )  # fmt: skip


def _is_told_otherwise(evidence):
    """Whether a layer, a gradient, or the only loss tells what is not finite."""
    broken = any(o.nonfinite for _, outputs, _ in evidence.moments for o in outputs)
    lost = bool(evidence.losses) and not math.isfinite(evidence.losses[-1])
    return broken or lost or bool(evidence.fault_weights)
