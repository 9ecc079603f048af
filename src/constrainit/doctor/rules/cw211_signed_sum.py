"""CW211 signed-sum."""

from constrainit.doctor._sums import NEAR
from constrainit.doctor.rules._rule import Rule, percent

_OF_UNITS = (
    "take ci.Simplex() for shares of at least zero, or ci.SumTo(1.0), the nearest weights of that "
    "sum"
)
_OF_PARTS = (
    "add the same to each of the entries that are to sum to one, (1 - sum) / their number, which "
    "gives the nearest weights of that sum; or start with positive weights"
)


class SignedSum(Rule):
    """A constraint divides weights by a sum that is near zero, or below it.

    The sum of many weights of both signs is near zero: the quotient is large, turns around where
    the sum is negative, and jumps from one to the other as training moves the sum through zero.
    What comes out does sum to one, so that the constraint seems to work. A start whose sums are
    one only puts it off.

    Example:
        def sum_to_one(w):
            return w / ops.sum(w, axis=0, keepdims=True)

        layers.Dense(64, kernel_constraint=sum_to_one)

    Use instead:
        layers.Dense(64, **ci.constrained(kernel=ci.Simplex()))

        # shares of at least zero; ci.SumTo(1.0) for both signs, by a shift and not by a quotient

    Known limits:
        Asked of constraints of the user's own, at the start. Reported if a unit sums to less than a
        tenth of what its magnitudes sum to, or to less than zero, so that the first step turns all
        of its signs round. Entries that the constraint sets itself, to the same in
        all units, may be left out of the sums.

    Source:
        keras-team/keras#13234 and keras-team/keras#13112, where weights shall sum to one.
    """

    code, name = "CW211", "signed-sum"
    numbers = ("below_zero", "least_sum_share", "times")

    def find(self, evidence):
        for made in evidence.constraints:
            sums = made.sums
            if sums is None or not (sums.below or sums.least < NEAR):
                continue
            if not sums.least < NEAR:
                yield self._of_signs(made, sums)
                continue
            but = ", but for entries that it sets itself," if sums.sets else ""
            which, whose = ("a unit", "its") if sums.units == 1 else ("units", "their")
            yield self.at_weight(
                made,
                f"its constraint {made.text} divides {which} of both signs{but} by {whose} sum, "
                f"which is down to {percent(sums.least)} of the sum of their magnitudes: the "
                f"largest weight becomes {sums.factor:.3g} times as large",
                _OF_PARTS if sums.sets else _OF_UNITS,
                {"least_sum_share": sums.least, "times": sums.factor},
            )

    def _of_signs(self, made, sums):
        """A finding where sums are far from zero, on the wrong side of it."""
        which = "its sum" if sums.units == 1 else f"{sums.below} of its {sums.units} units' sums"
        return self.at_weight(
            made,
            f"its constraint {made.text} divides it by a sum, and {which} "
            f"{'is' if sums.below == 1 else 'are'} below zero as it starts: the first step turns "
            "all signs there round, and what was learnt with these, or drawn, is its opposite",
            "start with positive weights; or " + (_OF_PARTS if sums.sets else _OF_UNITS),
            {"least_sum_share": sums.least, "times": sums.factor, "below_zero": sums.below},
        )
