"""Initial weights that are members."""

from typing import Any


def __getattr__(name: str) -> Any:
    """The initializers, on first use: they need `ConstraintSet`, which needs this package's laws."""
    if name in ("Feasible", "MatchingBias"):
        from constrainit.initializers import _feasible

        return getattr(_feasible, name)
    if name in ("InitPlan", "plan"):
        from constrainit.initializers import _plan

        return getattr(_plan, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
