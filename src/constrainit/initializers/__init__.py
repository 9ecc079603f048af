"""Initial weights that are members."""

from typing import Any


def __getattr__(name: str) -> Any:
    """What needs `ConstraintSet`, on first use: that needs the laws of this package."""
    if name in ("Feasible", "MatchingBias"):
        from constrainit.initializers import _feasible

        return getattr(_feasible, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
