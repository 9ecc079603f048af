"""What layers add to the loss, left out or scaled for a while."""

import contextlib
from collections.abc import Iterator

import keras

from constrainit.doctor._problem import Problem
from constrainit.doctor._state import attribute


@contextlib.contextmanager
def adding_nothing(problem: Problem) -> Iterator[None]:
    """No layer of the model adds anything to the loss."""
    with contextlib.ExitStack() as stack:
        for layer in problem.model._flatten_layers():
            stack.enter_context(attribute(layer, "add_loss", lambda loss: None))
        yield


@contextlib.contextmanager
def adding(problem: Problem, name: str, scale: float) -> Iterator[None]:
    """The layers of the kind of the one of this name add so many times as much to the loss."""
    layers = problem.model._flatten_layers()
    kinds = {type(layer) for layer in layers if layer.name == name}

    def scaled(add_loss):
        return lambda loss: add_loss(keras.tree.map_structure(lambda one: scale * one, loss))

    with contextlib.ExitStack() as stack:
        for layer in [one for one in layers if type(one) in kinds]:
            stack.enter_context(attribute(layer, "add_loss", scaled(layer.add_loss)))
        yield
