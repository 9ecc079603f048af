"""What the atlas can measure: the sets, activations, dtypes and ways, and which go together."""

from collections.abc import Sequence
from dataclasses import dataclass

from constrainit._set import ConstraintSet
from constrainit.sets import Box, MaxNorm, NonNegative, Orthogonal, Positive, Simplex, UnitNorm

SETS: dict[str, ConstraintSet] = {
    "NonNegative": NonNegative(),
    "Box": Box(0.1, 1),
    "UnitNorm": UnitNorm(),
    "Simplex": Simplex(),
    "Orthogonal": Orthogonal(),
    "MaxNorm": MaxNorm(0.5),
}
ACTIVATIONS = ("relu", "gelu", "tanh", "sigmoid", "linear")
DTYPES = ("float32", "bfloat16", "float16")

# The classes of sets that a way is meant for. Elsewhere it is left out: the absolute value does not
# reach a lower bound above zero nor a sum or norm, only bounds can be clipped to, and a softmax has
# the sum one, which no norm, no frame and no bounds of 0.1 to 1 on 256 weights leave room for.
WAYS: dict[str, tuple[type[ConstraintSet], ...]] = {
    "keras": (ConstraintSet,),
    "abs": (NonNegative,),
    "clip": (NonNegative, Positive, Box),
    "softmax": (NonNegative, Simplex),
    "ours": (ConstraintSet,),
}


@dataclass(frozen=True)
class Cell:
    """One stack to measure, by the names of its set, activation, dtype and way."""

    set: str
    activation: str
    dtype: str
    way: str


@dataclass(frozen=True)
class Size:
    """What all cells of an atlas have in common."""

    width: int = 256
    batch: int = 512
    depth: int = 50
    seed: int = 0


def applies(way: str, a_set: ConstraintSet) -> bool:
    """Whether a way of starting is meant for a set."""
    return isinstance(a_set, WAYS[way])


def cells(
    sets: Sequence[str] = (), activations: Sequence[str] = (), dtypes: Sequence[str] = ()
) -> list[Cell]:
    """The cells of these names, in the order of the tables; nothing named means all."""
    return [
        Cell(name, activation, dtype, way)
        for name, a_set in SETS.items()
        for activation in ACTIVATIONS
        for dtype in DTYPES
        for way in WAYS
        if name in (sets or SETS)
        and activation in (activations or ACTIVATIONS)
        and dtype in (dtypes or DTYPES)
        and applies(way, a_set)
    ]  # fmt: skip
