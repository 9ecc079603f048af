"""The atlas: where signals die or explode, by set, activation, dtype, depth and start."""

from constrainit.atlas._cells import Row as Row
from constrainit.atlas._cells import measure as measure

__all__ = ["Row", "measure"]
