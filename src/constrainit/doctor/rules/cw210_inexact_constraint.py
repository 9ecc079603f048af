"""CW210 inexact-constraint."""

from constrainit.doctor.rules._rule import Rule, percent
from constrainit.doctor.rules.cw101_infeasible_start import NOTICEABLE
from constrainit.sets.custom import own_name


class InexactConstraint(Rule):
    """A constraint of Keras gives something far from the nearest allowed weight.

    `MaxNorm`, `UnitNorm` and `MinMaxNorm` compute in the dtype of the weight. In float16 a sum of
    squares above 65504 is infinite, and what is divided by it becomes zero: the weights are wiped
    out without a word.

    Example:
        layers.Dense(
            4, dtype="float16", kernel_initializer=keras.initializers.Constant(200.0),
            kernel_constraint=keras.constraints.MaxNorm(100.0),
        )

    Use instead:
        layers.Dense(4, dtype="float16", **ci.constrained(kernel=ci.MaxNorm(100.0)))

    Known limits:
        Only constraints whose set is known can be compared with it: those of Keras. Differences
        below 5 % of the norm are not reported.

    Source:
        `keras/src/constraints/constraints.py`; an overflow of this kind in keras-team/keras#22586.
    """

    code, name, level = "CW210", "inexact-constraint", "error"
    numbers = ("bias", "zeroed")

    def find(self, evidence):
        for made in evidence.constraints:
            if not (made.bias > NOTICEABLE and made.image is not None) or made.stuck > 1e-5:
                continue
            lost = made.zeroed[1] - made.zeroed[0]
            yield self.at_weight(
                made,
                f"its constraint {own_name(made.record.constraint)} gives something that is "
                f"{percent(made.bias)} of the norm away from the nearest allowed weight, in "
                f"{made.record.dtype}" + (f"; {percent(lost)} of it becomes zero" if lost else ""),
                "use the set of constrainit of the same name, which computes in float32, or keep "
                "the variable in float32 (mixed_float16)",
                {"bias": made.bias, "zeroed": lost},
            )
