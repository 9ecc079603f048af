"""CW305 average-overwrites."""

from constrainit.doctor._overwritten import LITTLE, holds_back
from constrainit.doctor.rules._rule import Rule, percent

_STILL = 0.7


class AverageOverwrites(Rule):
    """The average of the weights takes their place before it has caught up with them.

    An average with a momentum of 0.99 follows the weights by a hundredth at each step. If it
    overwrites them after every step, a hundredth is what is left of each step, and gradients may be
    as large as they like: the loss creeps. Left alone, Keras writes it at the end of `fit`.

    Example:
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        rate = keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=1)
        model.compile(rate, "mse")
        ci.diagnose(model, np.eye(4), 3 * np.ones((4, 1)))

    Use instead:
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.01, use_ema=True), "mse")
        ci.diagnose(model, np.eye(4), 3 * np.ones((4, 1)))

    Known limits:
        Reported where less than a fifth is left of a steady movement, and the steps take less than
        a third off the loss, or a hundred steps on half of the batch miss a third or more of what
        as many without the overwriting take off the loss of the other half; otherwise a rate that
        makes up for it may be meant, and it is a note.
        Keras' momentum of 0.99 with an overwrite every hundred steps leaves 37 %. Where the
        overwrite is further away than the steps that are taken, the arithmetic alone tells it.

    Source:
        `Optimizer._overwrite_model_variables_with_average_value`, Keras 3.15.1;
        Nerogar/OneTrainer#889. Of n steps of one size, the average with momentum m makes
        1 - m (1 - m^n) / (n (1 - m)).
    """

    code, name, stage = "CW305", "average-overwrites", "training"
    numbers = ("left", "loss_after")

    def find(self, evidence):
        seen, losses = evidence.overwrites, evidence.losses
        if seen is None or not seen.left < LITTLE:
            return
        unseen = seen.every >= len(losses)
        slow = len(losses) > 1 and losses[-1] > losses[0] - (1 - _STILL) * abs(losses[0])
        back = holds_back(seen)
        shown = _shown(seen) if back else ""
        steps = "after every step" if seen.every == 1 else f"every {seen.every} steps"
        yield self.made(
            f"the optimizer puts the average of the weights (momentum {seen.momentum:.4g}) in "
            f"their place {steps}: {percent(seen.left)} is left of what the "
            f"steps move{shown}",
            "leave ema_overwrite_frequency=None: the average then takes the place of the weights "
            "at the end of fit only; or take far more steps in between",
            {"left": seen.left, "loss_after": losses[-1] if losses else None},
            level="warning" if unseen or slow or back else "info",
        )  # fmt: skip


def _shown(seen):
    """What was seen without it, at the end of the sentence."""
    first, given, free = seen.losses
    return (
        f". In {seen.steps} steps on half of the batch the loss of the other half goes from "
        f"{first:.4g} to {given:.4g}, and to {free:.4g} where it does not"
    )
