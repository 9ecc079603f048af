"""Recurrences that go backwards, and whose steps are left in the order in which they were taken."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, misses, tried
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import attribute

_STEPS = 100
_MISSES = 0.5

_KEEPS = 0.2
"""What the steps that are looked at leave of a loss that there is reason to ask about."""


@dataclass(frozen=True)
class BackwardsEvidence:
    """Recurrences that go backwards, with which a model trains once their steps are turned.

    Attributes:
        layers: Them.
        steps: How many steps were taken on half of the examples.
        losses: The loss of the others at the start, after these steps, and after as many with the
            steps of these sequences in the order of the input.
    """

    layers: list[Any]
    steps: int
    losses: tuple[float, float, float]


def backwards(problem: Problem, evidence: Evidence, start: Values) -> BackwardsEvidence | None:
    """The recurrences that give sequences backwards, if the model trains with them turned.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    layers = _giving_backwards(problem.model)
    trained = evidence.trained or evidence.own is not None
    stays = bool(evidence.losses) and evidence.losses[-1] > _KEEPS * evidence.losses[0]
    if not layers or trained or not stays or not can_be_halved(problem):
        return None
    with tried(problem, "sequences that are turned are"):
        halves = Halves(problem, start)
        first, as_given = halves.loss(), halves.train(_STEPS)
        with turned_around(layers):
            losses = (first, as_given, Halves(problem, start).train(_STEPS))
        if misses(losses, _MISSES):
            return BackwardsEvidence(layers, _STEPS, losses)
    return None


@contextlib.contextmanager
def turned_around(layers: list[Any]) -> Iterator[None]:
    """For a while these recurrences give their steps in the order of the input."""
    with contextlib.ExitStack() as stack:
        for layer in layers:
            stack.enter_context(attribute(layer, "call", in_order(layer.call)))
        yield


def in_order(call: Callable) -> Callable:
    """A call whose sequence is turned along time; states that come with it stay."""

    def turned(*args, **kwargs):
        result = call(*args, **kwargs)
        if isinstance(result, list | tuple):
            return type(result)([ops.flip(result[0], axis=1), *result[1:]])
        return ops.flip(result, axis=1)

    return turned


def _giving_backwards(model):
    """The recurrences that go backwards and give sequences, which nothing turns in the graph.

    `Bidirectional` turns what its own one gives, and a layer that goes backwards what it is given.
    """
    parts = list({id(one): one for one in model._flatten_layers()}.values())
    both = [one for one in parts if isinstance(one, keras.layers.Bidirectional)]
    held = {id(inner) for one in both for inner in one._flatten_layers()}
    return [
        one for one in parts
        if isinstance(one, keras.layers.RNN) and one.go_backwards and one.return_sequences
        and id(one) not in held and not _is_turned(one)
    ]  # fmt: skip


def _is_turned(layer):
    """Whether all that takes what a layer gives turns it, as far as the graph tells."""
    takes = [node.operation for node in getattr(layer, "_outbound_nodes", ())]
    return bool(takes) and all(
        type(one).__name__ in ("Flip", "GetItem") or getattr(one, "go_backwards", False)
        for one in takes
    )
