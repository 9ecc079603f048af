"""What sparse weights have in common with sets that look the same in every order of the inputs."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from keras import ops

from constrainit.initializers import laws_of_patterns
from constrainit.sets.elementwise import NonNegative, bounds_of, common_bounds
from constrainit.sets.l1 import L1Ball
from constrainit.sets.norms import is_norm_set
from constrainit.sets.sparse import is_sparse
from constrainit.sets.sums import is_shares


@dataclass(frozen=True)
class Few:
    """A set of sparse weights and another set.

    A member of the other one stays a member if two of its weights change places. So nothing is
    lost by having its weights in the order of those that it is to be nearest to.

    Attributes:
        sparse: A `TopK` or a `Sparse`.
        other: The other set, or the intersection of the other sets.
        signed: Whether the other set is one of non-negative weights; else with a member it holds
            all others of the same magnitudes.
    """

    sparse: Any
    other: Any
    signed: bool

    def nearest(self, w: Any, dtype: str) -> Any:
        """The largest weights, or magnitudes, projected onto the other set."""
        kept = self.sparse._places(w, self.signed)
        if self.signed:
            return self.other._nearest(ops.where(kept, w, ops.full_like(w, -math.inf)), dtype)
        return self.other._nearest(ops.where(kept, w, ops.zeros_like(w)), dtype, kept)

    def law(self, fan_in: int, fan_out: int, wanted: Any) -> Any:
        """That of the other set, on random inputs."""
        keep, group = self.sparse._group(fan_in)
        count = min(keep, group) * (fan_in // group)
        law = self.other._law(count, fan_out, replace(wanted, masked=True))
        return law and laws_of_patterns.on_few(law, fan_in, keep, group)

    def check_axes(self, rank: int) -> None:
        """Raises ValueError if the two sets speak of other units."""
        own, other = ({a % rank for a in one._units(rank)} for one in (self.sparse, self.other))
        if own != other and other:
            raise ValueError(
                f"`Intersection` must have {self.sparse!r} along the axes of the other set. "
                f"Received: axes {sorted(own)} and {sorted(other)}, with {self.other!r}."
            )


def few_of(sets: list[Any], join: Callable[[list[Any]], Any]) -> Few | None:
    """The sets as a `Few`, where their projection is that of `Few.nearest`.

    Args:
        sets: The sets of an intersection.
        join: Makes an intersection of several.
    """
    sparse = [one for one in sets if is_sparse(one)]
    others = [one for one in sets if not is_sparse(one)]
    if len(sparse) != 1 or not others:
        return None
    signed = _is_signed(others)
    if signed is None:
        return None
    return Few(sparse[0], others[0] if len(others) == 1 else join(others), signed)


def is_cone_and_norm(sets: list[Any]) -> bool:
    """Whether the sets are `NonNegative` and one of norms."""
    kinds = sorted((isinstance(one, NonNegative), is_norm_set(one)) for one in sets)
    return kinds == [(False, True), (True, False)]


def _is_signed(sets):
    """Whether sets that are the same in every order of the inputs allow no weight below zero.

    None if they are others, or change if signs are turned.
    """
    if is_cone_and_norm(sets) or (len(sets) == 1 and is_shares(sets[0])):
        return True
    if len(sets) == 1 and (is_norm_set(sets[0]) or isinstance(sets[0], L1Ball)):
        return False
    if not all(map(bounds_of, sets)):
        return None
    lower, upper = common_bounds(sets)
    if lower == 0:
        return True
    return False if lower is not None and upper == -lower else None
