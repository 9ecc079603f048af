"""Callbacks: weights kept feasible, logged before and after their constraint, faults stopped at."""

from constrainit.callbacks._fault import StopAtFault as StopAtFault
from constrainit.callbacks._keep import KeepFeasible as KeepFeasible
from constrainit.callbacks._log import WeightLog as WeightLog

__all__ = ["KeepFeasible", "StopAtFault", "WeightLog"]
