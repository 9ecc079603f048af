"""Training on one half of a batch, judged by the other: what another training would do."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._at_length import are_many
from constrainit.doctor._batch import loss_of
from constrainit.doctor._dropping import dropping_nothing
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import as_it_is
from constrainit.doctor._state import attribute, borrowed, snapshot
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.engines import engine

_FEWEST = 8
"""Examples of which a half tells something."""

_TRAINS = 0.2

_APART = 1.0
"""By how many deviations the targets of every other example may differ from the rest."""

Values = list[tuple[Any, Any]]
"""Variables, each with a value."""


def can_be_halved(problem: Problem) -> bool:
    """Whether the examples are the user's own and enough, and a step is cheap."""
    given = problem.given_y is not None and not problem.drawn
    return given and problem.is_small and keras.tree.flatten(problem.x)[0].shape[0] >= _FEWEST


def misses(losses: tuple[float, float, float], share: float) -> bool:
    """Whether a training misses so much of what another one takes off the loss.

    That is a fifth of it at least. A training that is not finite misses all.

    Args:
        losses: The loss at the start, after the one and after the other.
        share: The share that is missed.
    """
    first, given, other = losses
    gain = first - other
    return bool(gain > _TRAINS * abs(first) and not given - other <= share * gain)


class Halves:
    """Every other example of a batch to train on, the rest to judge by.

    What is learnt by heart is no gain there. The weights of the model change meanwhile.

    Args:
        problem: The problem whose batch it is.
        start: What the model's variables are at the begin of each training.
        optimizer: What takes the steps; None for the problem's own.
    """

    def __init__(self, problem: Problem, start: Values, optimizer: Any = None):
        seen, self._others = _halved(problem)
        (x, y), self._unseen = (_of(problem, half) for half in (seen, self._others))
        given = optimizer or problem.given_optimizer
        self._problem = Problem(problem.model, x, y, problem.given_loss, given, problem.seed, 1)
        self._problem.loss_weights, self._problem.pace = problem.loss_weights, problem.pace
        self._problem.set_loss()
        # It makes the optimizer, and compiles what gives the outputs, too.
        self._problem.step()
        self._start = [*start, *values_of(self._problem.optimizer)]
        self._whole: Callable[[], float] | None = None
        self.begin()

    def begin(self) -> None:
        """Goes back to the start."""
        put(self._start)

    def train(self, steps: int, rates: Iterable[float] = ()) -> float:
        """Takes steps under the constraints, each at a rate if some are given; gives the loss."""
        rates, problem = iter(rates), self._problem
        if self._whole is None and are_many(self._problem, steps):
            self._whole = engine().whole_step(problem)
        for _ in range(steps):
            rate = next(rates, None)
            if rate is not None:
                problem.optimizer.learning_rate = rate
            if self._whole is not None:
                self._whole()
                continue
            stepped = problem.step(looking=False)
            stepped.update()
            for variable, value in zip(problem.trainable, stepped.updated, strict=True):
                variable.assign(value)
            problem.advance(stepped)
        return self.loss()

    def shuffled(self, draws: np.random.Generator) -> float:
        """The loss with the entries of each weight in another order, which forgets what it knew."""
        for variable in self._problem.trainable:
            value = to_numpy(variable)
            variable.assign(draws.permutation(value.ravel()).reshape(value.shape))
        found = self.loss()
        self.begin()
        return found

    def of_others(self) -> float | None:
        """The loss where each example has the targets of another one; None if all are the same."""
        x, y = self._unseen
        order = np.random.default_rng(0).permutation(keras.tree.flatten(x)[0].shape[0])
        mixed = keras.tree.map_structure(lambda part: ops.take(part, order, axis=0), y)
        pairs = zip(keras.tree.flatten(y), keras.tree.flatten(mixed), strict=True)
        if all(np.array_equal(to_numpy(one), to_numpy(other)) for one, other in pairs):
            return None
        return self._loss(x, mixed)

    def loss(self) -> float:
        """The loss of the examples that are not trained on, with nothing dropped."""
        return self._loss(*self._unseen)

    def loss_in_units(self, y: Any, factors: Any) -> float:
        """The loss of the examples that are not trained on, of predictions times some factors.

        Args:
            y: The targets of the whole batch, in these units.
            factors: One for each unit of the last layer.
        """
        x, problem = self._unseen[0], self._problem
        with dropping_nothing(problem.model):
            given = problem.model(x, training=False) * ops.convert_to_tensor(factors)
        with attribute(problem.model, "_compile_loss", problem.compiled_loss):
            found = loss_of(problem.model, x, _at(y, self._others), given)
        return float(to_numpy(ops.stop_gradient(found)))

    def correlation(self) -> float:
        """Of predictions and targets of the examples that are not trained on; 0 if one is constant.

        Each column is taken less its mean.
        """
        x, y = self._unseen
        with dropping_nothing(self._problem.model):
            given = keras.tree.flatten(self._problem.model(x, training=False))[0]
        pair = [to_numpy(ops.stop_gradient(given)), to_numpy(keras.tree.flatten(y)[0])]
        one, other = (part.astype("float64") - part.mean(axis=0) for part in pair)
        size = np.sqrt(np.sum(one**2) * np.sum(other**2))
        return float(np.sum(one * other) / size) if size > 0 else 0.0

    def loss_of_seen(self) -> float:
        """The loss of the examples that are trained on, with nothing dropped."""
        return self._loss(self._problem.x, self._problem.y)

    def loss_in_training(self) -> float:
        """The loss of the examples that are trained on, with what the layers drop at one draw."""
        found, _ = self._problem.loss(self._problem.x, self._problem.y, as_it_is)
        return float(to_numpy(found))

    def _loss(self, x, y):
        with dropping_nothing(self._problem.model):
            found, _ = self._problem.loss(x, y, as_it_is)
        return float(to_numpy(found))


def values_of(owner: Any) -> Values:
    """The variables of a model or an optimizer as they are."""
    return [(variable, snapshot(variable)) for variable in owner.variables]


def put(values: Values) -> None:
    """Gives variables their values."""
    for variable, value in values:
        variable.assign(value)


@contextlib.contextmanager
def held_by(constraints: Iterable[tuple[Any, Any]]) -> Iterator[None]:
    """Weights have other constraints for a while.

    Args:
        constraints: Records of weights, each with a constraint.
    """
    pairs = list(constraints)
    before = [(record.variable, record.variable.constraint) for record, _ in pairs]
    try:
        for record, constraint in pairs:
            record.variable.constraint = constraint
        yield
    finally:
        for variable, constraint in before:
            variable.constraint = constraint


@contextlib.contextmanager
def tried(problem: Problem, what: str) -> Iterator[None]:
    """The model may be trained for a while; what fails then, as of half a batch, is said."""
    try:
        with borrowed(problem.model):
            yield
    # The user's model may not take half of a batch, and raise anything.
    except Exception as exception:
        said = f"{what} not tried on half of the batch ({type(exception).__name__}: {exception})"
        if said not in problem.said:
            problem.said.append(said)


def _halved(problem):
    """The places of one half of the examples, and of the other.

    Every other one, unless their targets differ from those of the rest by more than they deviate:
    labels may take turns.
    """
    order = np.arange(keras.tree.flatten(problem.x)[0].shape[0])
    for y in keras.tree.flatten(problem.y):
        y = to_numpy(y)
        flat = y.reshape(len(y), -1).astype("float64")
        apart = np.abs(flat[::2].mean(axis=0) - flat[1::2].mean(axis=0))
        if len(y) == len(order) and (apart > _APART * flat.std(axis=0)).any():
            order = np.random.default_rng(0).permutation(order)
            break
    return order[::2], order[1::2]


def _of(problem, half):
    parts = (problem.x, problem.y)
    return keras.tree.map_structure(lambda one: None if one is None else _at(one, half), parts)


def _at(part, places):
    return ops.take(part, places, axis=0) if ops.is_tensor(part) else part[places]
