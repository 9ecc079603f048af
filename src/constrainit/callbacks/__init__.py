"""Callbacks of `fit`, `evaluate` and `predict`."""

from constrainit.callbacks._keep import KeepFeasible as KeepFeasible
