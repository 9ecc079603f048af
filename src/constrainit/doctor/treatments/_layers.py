"""Layers of a model, with other attributes."""

from collections.abc import Callable
from typing import Any

from constrainit.doctor._problem import Problem


def changed_layers(problem: Problem, is_meant: Callable[[Any], bool], **attributes: Any) -> str:
    """Sets attributes of the layers that are meant; their names."""
    meant = [layer for layer in problem.model._flatten_layers() if is_meant(layer)]
    for layer in meant:
        vars(layer).update(attributes)
    return ", ".join(layer.name for layer in meant)
