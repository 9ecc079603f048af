"""The losses of the outputs one by one: what each counts, what it is, and what it alone moves."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
from keras import ops

from constrainit.doctor._far_targets import as_scaled
from constrainit.doctor._orders import as_given, replaced
from constrainit.doctor._problem import Problem
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.engines._result import WEIGHT_NUMBERS

_GRADIENT = WEIGHT_NUMBERS.index("gradient")

Path = tuple[Any, ...]
"""Where an output stands in what the model gives."""


class Part(NamedTuple):
    """The loss of one output.

    Attributes:
        path: Where that stands in what the model gives.
        name: The output's name.
        weight: What its loss is multiplied by; 1 where nothing is given, None where that may
            change as the model trains.
    """

    path: Path
    name: str
    weight: float | None


def parts_of(problem: Problem) -> list[Part]:
    """The losses of several outputs, where each of these has one at most; else none."""
    made = [] if problem.compiled_loss is None else problem.compiled_loss._flat_losses
    several = len(keras.tree.flatten(problem.specs)) > 1
    if not several or len({path for path, *_ in made}) < len(made):
        return []
    return [Part(path, name, _number(weight)) for path, _, weight, name in made]


def _number(weight):
    """A loss weight as a number; a variable is one that something sets as the model trains."""
    if weight is None:
        return 1.0
    return None if isinstance(weight, keras.Variable) or callable(weight) else float(weight)


def weighed(problem: Problem, weights: Mapping[Path, float], **other: Any) -> Problem | None:
    """A problem like another one with other weights of losses, by their paths, and other data.

    The other losses count what they did. None where Keras does not take them so, or where what one
    of them counts may change.
    """
    structure, _ = as_given(problem.compiled_loss, problem.losses(), problem.specs)
    names = _names(problem)
    wanted = {part.path: weights.get(part.path, part.weight) for part in parts_of(problem)}
    if None in wanted.values():
        return None
    given = keras.tree.map_structure(lambda _: 1.0, structure)
    for path, weight in wanted.items():
        given = replaced(given, path, weight, names)
    named = {"model": problem.model, "x": problem.x, "y": problem.y, "seed": problem.seed}
    named |= {"optimizer": problem.given_optimizer, "steps": 1}
    made = Problem(**{**named, **other}, loss=structure)
    made.loss_weights = given
    made.set_loss()
    return made if {p.path: p.weight for p in parts_of(made)} == wanted else None


def each_loss(problem: Problem) -> dict[Path, float]:
    """What the losses of the outputs are at the present weights, op by op, by their paths."""
    predictions = problem.model(problem.x, training=False)
    names = _names(problem)
    found = {}
    for path, loss, *_ in problem.compiled_loss._flat_losses:
        pair = (at(one, path, names) for one in (problem.y, predictions))
        found[path] = float(to_numpy(ops.stop_gradient(ops.mean(loss(*pair)))))
    return found


def _names(problem):
    """The names of the outputs, where the model has some."""
    names: list[str] = [*(problem.compiled_loss.output_names or ())]
    return names


def targets_of(problem: Problem, part: Part) -> Any:
    """The targets of an output."""
    return at(problem.y, part.path, _names(problem))


def with_scaled(problem: Problem, part: Part) -> Any:
    """The targets with those of an output at mean zero and deviation one."""
    own = targets_of(problem, part)
    return keras.tree.map_structure(lambda one: as_scaled(one) if one is own else one, problem.y)


def at(values: Any, path: Path, names: list[str]) -> Any:
    """What stands at a path, which may name an output that the model gives by its place."""
    for key in path:
        by_place = isinstance(values, (list, tuple))
        values = values[names.index(key) if by_place and isinstance(key, str) else key]
    return values


def gradient_norms(problem: Problem) -> dict[int, float]:
    """The norm of each weight's gradient at the present weights, by the variable's identity."""
    stepped = problem.step()
    scale = problem.loss_scale
    norms = [float(ops.convert_to_numpy(w)[_GRADIENT]) / scale for w in stepped.weights]
    return {id(v): norm for v, norm in zip(problem.trainable, norms, strict=True)}
