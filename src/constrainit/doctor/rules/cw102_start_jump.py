"""CW102 start-jump."""

from constrainit.doctor.rules._rule import Rule, percent
from constrainit.doctor.rules.cw101_infeasible_start import NOTICEABLE, harmless


class StartJump(Rule):
    """The first step moves a weight much further than its gradient asks.

    The constraint runs for the first time at the end of the first optimizer step and throws a
    weight that started outside into its set. Layers behind it meet inputs that they have never
    seen, and the optimizer has taken a step for weights that no longer exist.

    Example:
        layers.Dense(
            8, kernel_initializer="random_normal", kernel_constraint="non_neg"
        )

    Use instead:
        layers.Dense(8, **ci.constrained(kernel=ci.NonNegative()))

        # inside the set, the first step is the gradient's alone

    Known limits:
        Reported from three times the gradient's part and 5 % of the norm of the weight on. A large
        learning rate can hide a jump.

    Source:
        Measured on Keras 3.15.1: the step is split into what the gradient and what the constraint
        moves. The ratio of update to weight is a rule of SageMaker Debugger, too.
    """

    code, name, stage = "CW102", "start-jump", "first step"
    numbers = ("step", "gradient_part")

    def find(self, evidence):
        for made in evidence.constraints:
            if made.step is None or made.update is None:
                continue
            same = made.record.path in evidence.same_inside
            if made.step > max(NOTICEABLE, 3 * made.update) and made.jump > NOTICEABLE:
                yield self.at_weight(
                    made,
                    f"the first step moves it by {percent(made.step, 'its norm')}, of which the "
                    f"gradient explains {percent(made.update)}: the rest is the constraint",
                    "start inside the set, see CW101",
                    {"step": made.step, "gradient_part": made.update},
                    level="info" if harmless(made) or same else "warning",
                )
