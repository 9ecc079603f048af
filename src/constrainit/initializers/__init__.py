"""Initial weights that are members."""

from typing import Any


def __getattr__(name: str) -> Any:
    """`Feasible`, on first use: it needs `ConstraintSet`, which needs the laws of this package."""
    if name == "Feasible":
        from ._feasible import Feasible

        return Feasible
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
