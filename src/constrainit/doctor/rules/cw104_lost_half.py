"""CW104 lost-half."""

from constrainit.doctor.rules._rule import Rule, percent
from constrainit.doctor.rules.cw101_infeasible_start import NOTICEABLE, harmless


class LostHalf(Rule):
    """A constraint sets about half of the drawn weights of a kernel to one value at the first step.

    Keras' initializers draw alike on both sides of zero. A set that lies on one side, such as that
    of the weights that are not negative, takes what is drawn on the other side to its end: half of
    the kernel is zero after the first step, the other half has lost its mean of zero, and a unit
    gives another signal than it was drawn for. A unit with few inputs may keep none of its weights.

    Example:
        layers.Dense(
            16, kernel_initializer="he_normal", kernel_constraint="non_neg"
        )

    Use instead:
        layers.Dense(16, **ci.constrained(kernel=ci.NonNegative()))

        # or, for a model that is built: ci.prepare(model)

    Known limits:
        Reported where a quarter to three quarters of at least 16 entries lie beyond the least, or
        the largest, number that the constraint gives, and are all put there. Where all do, CW101
        and CW403 say so. A bound on both sides that takes entries to both of its ends keeps their
        signs, and a mask keeps what it keeps: neither is reported. A weight that has been trained
        is not: nothing was drawn.

    Source:
        keras-team/keras#7628; Hoedt and Klambauer, Principled weight initialisation for
        input-convex neural networks (NeurIPS 2023). The quarter is no theorem.
    """

    code, name, stage = "CW104", "lost-half", "first step"
    numbers = ("lost_share", "end")

    def find(self, evidence):
        for made in evidence.constraints:
            if made.piled is None or evidence.trained or not made.record.variable.trainable:
                continue
            if harmless(made) or not made.jump > NOTICEABLE:
                continue
            share, end = made.piled
            side = "below" if made.image is not None and end == made.image.minimum else "above"
            yield self.at_weight(
                made,
                f"its constraint takes what was drawn {side} {end:.3g}, where its set ends: "
                f"{percent(share)} of its {made.start.size} weights, which become {end:.3g} at the "
                f"first step. Weights are drawn alike on both sides of that end, in "
                f"[{made.start.minimum:.3g}, {made.start.maximum:.3g}]",
                "draw from the set itself, at the size that the layer needs: give the layer "
                "**constrainit.constrained(...) or call constrainit.prepare(model)",
                {"lost_share": share, "end": end},
            )
