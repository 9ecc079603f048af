"""Temporary."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Operation:
    """Temporary."""

    name: str


def locate(problem):
    return None


def locate_constraint(constraint, variable, value):
    return None
