"""`a & b`, of two sets or of a set and anything that Keras takes for a constraint."""

from typing import Any, NoReturn


class Together:
    """A set that may stand on either side of `&`, and of no other operator between sets.

    Its truth is True, as that of any constraint. `a and b` is `b` by that, and not a set of both;
    but Keras itself asks `if self.kernel_constraint:` where it enables LoRA (3.15.1), and layers
    of the user's own do as it does, so that an error here would come to those.
    """

    def __and__(self, other: Any) -> Any:
        """`a & b`: the weights that are in both sets."""
        return _in_both(self, other)

    def __rand__(self, other: Any) -> Any:
        """As `a & b`, of a constraint of Keras, or its name, and a set."""
        return _in_both(other, self)

    def __or__(self, other: Any) -> NoReturn:
        """Raises TypeError: there are no unions."""
        raise _no_union(self, other)

    def __ror__(self, other: Any) -> NoReturn:
        """Raises TypeError: there are no unions."""
        raise _no_union(other, self)


def _in_both(left, right):
    from constrainit.sets import Intersection

    return Intersection([left, right])


def _no_union(left, right):
    return TypeError(
        "There is no union of sets: it is not convex, and halfway between members of two sets lies "
        f"what is in neither. Received: {left!r} | {right!r}. For weights in both write a & b; for "
        "a set in each part of one weight Product([a, b], sizes), or Masked(a, mask) for a part "
        "alone; for a set of each weight "
        'constrain(model, {"first/kernel": a, "second/kernel": b}).'
    )
