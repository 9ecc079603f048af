"""CW215 leaping-constraint."""

from constrainit.doctor.rules._rule import Rule, percent


class LeapingConstraint(Rule):
    """A constraint leaps from one member of its set to another that is farther away.

    What it gives is a member, and of a member it changes nothing; but a small step from there makes
    it give quite another one. The optimizer's step is lost in the leap, and the loss jumps about.
    Frequent cause: Q of a QR decomposition, whose columns change their sign wherever an entry of
    the diagonal of R does. Another: entries that are set to zero where they are less than a bound.

    Example:
        def orthonormal(w):
            return ops.qr(w)[0]

        layers.Dense(4, kernel_initializer="orthogonal", kernel_constraint=orthonormal)

    Use instead:
        def orthonormal(w):
            q, r = ops.qr(w)
            return q * ops.sign(ops.diagonal(r))

        layers.Dense(4, kernel_initializer="orthogonal", kernel_constraint=orthonormal)

    Known limits:
        Looked for on four ways from the weight after the steps, in directions drawn at random and
        as far as 30 % of its norm; leaps below 2 % of the norm, and weights of more than 65,536
        entries, are let pass. A leap between members that are equally near, as at the middle
        between two points of a grid, belongs to every set that is not convex.

    Source:
        The QR decomposition is unique up to the signs of the columns of Q: Golub and Van Loan,
        Matrix Computations, section 5.2; asked about in numpy/numpy#18177.
    """

    code, name, stage = "CW215", "leaping-constraint", "training"
    numbers = ("leap",)

    def find(self, evidence):
        for made in evidence.constraints:
            if made.leap is None or made.sums is not None:
                continue
            yield self.at_weight(
                made,
                f"beside this weight its constraint {made.text} leaps by "
                f"{percent(made.leap, 'its norm')}, however small the step, to a member "
                "that is farther away: it does not give the nearest one",
                _fix(made),
                {"leap": made.leap},
            )


def _fix(made):
    if made.by_entry:
        return (
            "it changes each entry by itself: give the nearest one that is allowed, of an interval "
            "its end, for all that lies beyond it, as keras.ops.clip or constrainit.Box(lower, "
            "upper) does, and no other number in its place, such as zero"
        )
    if len(made.record.shape) != 2:
        return (
            "give the nearest member, as the sets of constrainit do: of an interval its end, for "
            "all that lies beyond it, as keras.ops.clip does"
        )
    return (
        "give the nearest member, as the sets of constrainit do, such as Orthogonal(); take Q of "
        "a QR decomposition times the signs of the diagonal of R: "
        "q * keras.ops.sign(keras.ops.diagonal(r))"
    )
