"""CW213 no-member."""

from constrainit.doctor.rules._rule import Rule


class NoMember(Rule):
    """No weight of this shape is in all of the sets that the constraint joins.

    An intersection can be empty for some shapes and not for others: three shares of at most 0.2 do
    not sum to one, six do. The projection then ends between the sets, in one of them at best, and
    may be the same point for every weight, so that the weight does not learn.

    Example:
        keras.Input((3,))
        layers.Dense(4, kernel_constraint=ci.Simplex(axis=0) & ci.MaxAbs(0.2))

    Use instead:
        keras.Input((3,))
        layers.Dense(4, kernel_constraint=ci.Simplex(axis=0) & ci.MaxAbs(0.5))

    Known limits:
        It is seen by looking: the projection ends where it is outside of one of the sets by more
        than a thousandth of its largest entry. Sets that touch in so thin a place that the
        projection does not arrive there look the same. Sets of your own are not looked at.

    Source:
        H. Bauschke and J. Borwein, "Dykstra's alternating projection algorithm for two sets", 1994:
        without a common point it ends at the points of the sets that are nearest to one another.
    """

    code, name, level = "CW213", "no-member", "error"
    numbers = ("outside",)

    def find(self, evidence):
        for made in evidence.constraints:
            if made.lacking:
                yield self.at_weight(
                    made,
                    f"no weight of its shape {made.record.shape} was found that is {made.lacking}",
                    "ask for less: give one of the sets a wider bound, or the weight more entries "
                    "to share",
                    {"outside": made.stuck},
                )
