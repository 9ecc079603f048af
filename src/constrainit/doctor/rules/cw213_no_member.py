"""CW213 no-member."""

from constrainit.doctor.rules._rule import Rule
from constrainit.sets.custom import own_name


class NoMember(Rule):
    """No weight of this shape is in all of the sets that the constraint joins.

    An intersection can be empty for some shapes and not for others: three shares of at most 0.2 do
    not sum to one, six do. The projection then ends between the sets, in one of them at best, and
    may be the same point for every weight, so that the weight does not learn. So it is of a
    constraint of your own that bounds each entry and divides by their sum, where as many entries
    at the bound do not come to that sum: it goes beyond one of the two each time.

    Example:
        keras.Input((3,))
        layers.Dense(4, kernel_constraint=ci.Simplex(axis=0) & ci.MaxAbs(0.2))

    Use instead:
        keras.Input((3,))
        layers.Dense(4, kernel_constraint=ci.Simplex(axis=0) & ci.MaxAbs(0.5))

    Known limits:
        It is seen by looking: the projection ends where it is outside of one of the sets by more
        than a thousandth of its largest entry. Sets that touch in so thin a place that the
        projection does not arrive there look the same. Of a constraint of your own a clip in its
        code is compared with the sum, or norm, that it gives whatever it is given.

    Source:
        H. Bauschke and J. Borwein, "Dykstra's alternating projection algorithm for two sets", 1994:
        without a common point it ends at the points of the sets that are nearest to one another.
    """

    code, name, level = "CW213", "no-member", "error"
    numbers = ("outside", "bound", "total")

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
            if made.contradicts is not None:
                yield self._of_own(made, made.contradicts)

    def _of_own(self, made, told):
        """A finding where a bound of each entry contradicts their sum, or norm."""
        what, times = ("norm", f"sqrt({told.count})") if told.power == 2 else ("sum", told.count)
        most, less = ("most", "less") if told.is_cap else ("least", "more")
        return self.at_weight(
            made,
            f"no weight of its shape {made.record.shape} obeys both rules of its constraint "
            f"{own_name(made.record.constraint)}: {told.call} keeps each entry at {most} "
            f"{told.bound:g}, but the {told.count} of a unit have a {what} of {told.total:g}, and "
            f"{times} x {told.bound:g} = {told.reached:.3g} is {less}. Each call goes beyond one "
            f"of the two, and pulls all entries to {told.equal:.3g}",
            f"give it a {'cap above' if told.is_cap else 'floor below'} {told.equal:.3g}, with "
            "room for entries to differ; constrainit.Simplex() & constrainit.Box(lower, upper) "
            "says so if the two do not fit",
            {"bound": told.bound, "total": told.total},
        )  # fmt: skip
