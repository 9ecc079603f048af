"""The law that a set's initial weights are drawn from: its moments, and how to draw."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from constrainit.initializers import _draws, _draws_of_matrices


@dataclass(frozen=True)
class Wanted:
    """What a plan asks of a set's law.

    Attributes:
        gain: The norm of a unit's weights, where their signs cancel.
        total: The sum of a unit's weights, where they are of one sign.
        spread: For weights of one sign: the share of a unit's sum that is spread over all inputs;
            the rest is on one input. 1 for shallow stacks.
        even: Whether every unit's weights must have the same sum, so that one constant bias
            serves all units; else the law is uniform on the set wherever the set has such a law.
        masked: Whether the draw will be under a mask.
    """

    gain: float = 1.0
    total: float = 1.0
    spread: float = 1.0
    even: bool = False
    masked: bool = False


@dataclass(frozen=True)
class Law:
    """A law of the weights of one unit, `w` of `fan_in` entries.

    Attributes:
        text: The law in words, with its parameters.
        fan_in: How many weights feed a unit.
        total: `E sum(w)`.
        norm: `sqrt(E ||w||^2)`.
        draw: Gives a matrix from `(height, width, dtype, seed, where)`.
        positive: Whether the weights are of one sign, so that what the inputs have in common
            outgrows what tells them apart.
        overlap: The correlation of two units' outputs for independent inputs.
        exact: Whether the moments hold exactly, not only to the order of `1 / fan_in`.
        notes: What the user should know.
        radius: The spectral radius of a large square draw, relative to the norm of a unit's
            weights, where their signs cancel.
    """

    text: str
    fan_in: int
    total: float
    norm: float
    draw: Callable[..., Any]
    positive: bool = False
    overlap: float = 0.0
    exact: bool = True
    notes: tuple[str, ...] = ()
    radius: float = 1.0

    @property
    def mean(self) -> float:
        """Mean of an entry."""
        return self.total / self.fan_in

    @property
    def deviation(self) -> float:
        """Standard deviation of an entry."""
        return math.sqrt(max(self.norm**2 / self.fan_in - self.mean**2, 0.0))

    def under_mask(self, fan_in: int, counts) -> "Law":
        """This law, made for the entries of a mask, seen over all entries."""
        dead = int((counts == 0).sum())
        notes = (f"{dead} units have no entry in the mask: they pass on nothing",) if dead else ()
        even = len(set(counts.tolist())) == 1
        text = f"{self.text}, on {counts.mean():.4g} of {fan_in} entries"
        return replace(
            self, text=text, fan_in=fan_in, exact=self.exact and even, notes=self.notes + notes
        )

    @property
    def effective_inputs(self) -> float:
        """How many inputs a unit effectively adds up: `sum(w)^2 / ||w||^2`."""
        return self.total**2 / self.norm**2 if self.norm else 0.0


def direction(
    fan_in: int,
    fan_out: int,
    norm: float,
    wanted: Wanted,
    count: int | None = None,
    most: float = math.inf,
) -> Law:
    """Weights of a given norm in uniform directions; orthogonal ones in deep stacks.

    Args:
        fan_in: How many weights feed a unit.
        fan_out: How many units there are.
        norm: The norm of a unit's weights.
        wanted: What a plan asks for.
        count: How many weights of a unit are other than zero; None for all.
        most: The largest norm that the set lets a unit have, where norms may differ.
    """
    if min(fan_in, count or fan_in) == 1:
        # A single weight has no direction: the sizes differ, and all must fit.
        norm = min(norm, most / _draws.LARGEST)
    if count is not None and count < fan_in:
        least = 2 if wanted.even else math.inf
        draw = _draws.scaled(partial(_draws.sparse_sphere, count=count, least=least), norm)
        text = f"directions of norm {norm:.4g} with {count} of {fan_in} weights in use"
        return Law(text, fan_in, 0.0, norm, draw)
    deep = wanted.spread < 1 and wanted.even and not wanted.masked
    if deep and 3 <= fan_out <= fan_in <= 4096:
        total = norm if fan_out == fan_in else 0.0
        draw = _draws.scaled(_draws.unmasked(_draws_of_matrices.level_frame), norm)
        return Law(f"orthogonal directions of norm {norm:.4g}", fan_in, total, norm, draw)
    least = 3 if wanted.even else math.inf
    draw = _draws.scaled(partial(_draws.sphere, least=least), norm)
    text = f"uniform directions of norm {norm:.4g}"
    return Law(
        text + (" and sum 0" if wanted.even and fan_in >= 3 else ""), fan_in, 0.0, norm, draw
    )


def of_l1_norm(fan_in: int, radius: float, wanted: Wanted) -> Law:
    """Uniform directions, scaled so that the magnitudes of each unit sum to the radius.

    Of `k` normal weights that is a norm of about `radius * sqrt(pi / (2 k))`: so many are in use as
    bring it to that of a Glorot draw.
    """
    count = round(math.pi / 2 * (radius / wanted.gain) ** 2)
    count = min(max(count, 1), fan_in)
    norm = radius * math.sqrt(_share_of_squares(count))

    least = 2 if wanted.even else math.inf
    draw = partial(_draws.of_one_sum, draw=partial(_draws.sparse_sphere, count=count, least=least))
    text = f"directions of magnitudes of sum {radius:.4g} with {count} of {fan_in} weights in use"
    return Law(text, fan_in, 0.0, norm, _draws.scaled(draw, radius), exact=count == 1)


def _share_of_squares(count):
    """The mean of `sum(z^2) / sum(|z|)^2` of normal weights, to the second order of `1 / count`."""
    if count <= 2:
        return 1.0 if count == 1 else 2 / math.pi
    return math.pi / (2 * count) * (1 - (5 - 1.5 * math.pi) / count)


def nothing(fan_in: int) -> Law:
    """Zero weights, for a mask that leaves no entry."""
    notes = ("the mask leaves no entry: the layer passes on nothing",)
    return Law("zeros", fan_in, 0.0, 0.0, _draws.uniform_weights, notes=notes)
