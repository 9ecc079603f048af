"""`a & b`, of two sets or of a set and anything that Keras takes for a constraint."""

from typing import Any


class Together:
    """A set that may stand on either side of `&`."""

    def __and__(self, other: Any) -> Any:
        """`a & b`: the weights that are in both sets."""
        return _in_both(self, other)

    def __rand__(self, other: Any) -> Any:
        """As `a & b`, of a constraint of Keras, or its name, and a set."""
        return _in_both(other, self)


def _in_both(left, right):
    from constrainit.sets import Intersection

    return Intersection([left, right])
