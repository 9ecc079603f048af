"""Remedies for numbers that layers of the user's own keep as attributes: other ones are tried."""

import inspect

import numpy as np

from constrainit.doctor._code import is_of_library, kind_of_layer
from constrainit.doctor._constructor import kept_arguments
from constrainit.doctor._losses_at import loss_now
from constrainit.doctor._recording import is_custom
from constrainit.doctor.treatments._pastes import may_be_made_up
from constrainit.doctor.treatments._remedy import Changed, with_other

_FACTORS = (0.1, 0.01, 10.0, 100.0)
_TINY, _TIMES = 0.1, (10.0, 100.0)
"""Numbers that may divide a difference, and how many times as large they are tried."""

_LESS = 0.1
"""A number with which the loss is less than this share of what it was is worth a look."""


def another_number(turn):
    """A remedy: a float of a layer's own times a tenth, a hundredth, ten or a hundred.

    Args:
        turn: How many of those with which the loss is far less at the start are left out, the
            smallest changes first.
    """

    def apply(problem, evidence, found):
        if not problem.is_small or any(finding.treatment for finding in found if _heals(finding)):
            return None
        ways = _ways(problem, {finding.layer for finding in found})
        if len(ways) <= turn:
            return None
        return _given(problem, *ways[turn])

    return apply


def longer_steps(turn):
    """A remedy: a small float of a layer's own ten or a hundred times as large.

    Args:
        turn: How many are left out, the smallest numbers and changes first.
    """

    def apply(problem, evidence, found):
        names = {finding.layer for finding in found}
        own = [one for one in problem.model._flatten_layers(include_self=False) if is_custom(one)]
        ways = [
            (abs(number), layer, name, float(f"{factor * number:.6g}"))
            for layer in own if layer.name in names
            for name, number in _floats(layer) if abs(number) < _TINY
            for factor in _TIMES
        ]  # fmt: skip
        if len(ways) <= turn:
            return None
        _, layer, name, number = sorted(ways, key=lambda way: way[0])[turn]
        same = [one for one in own if kind_of_layer(one) is kind_of_layer(layer)]
        alike = [one for one in same if vars(one).get(name) == vars(layer)[name]]
        return _given(problem, alike, name, number)

    return apply


def _given(problem, layers, name, number):
    """Gives layers another number."""
    given = vars(layers[0])[name]
    for layer in layers:
        vars(layer)[name] = number
    return Changed(
        f"{name}={number:g} of {layers[0].name!r} in place of {given:g}",
        with_other(problem),
        _code(problem, layers, name, number),
    )


def _heals(finding):
    return finding.treatment is not None and finding.treatment.healed


def _ways(problem, names):
    """Layers of one class, a float that they all keep, and one that brings the loss down."""
    known = problem.model._flatten_layers(include_self=False)
    own = [one for one in known if is_custom(one)]
    kinds = dict.fromkeys(kind_of_layer(one) for one in own if one.name in names)
    problem.set_loss()
    given, found = loss_now(problem), []
    for kind in [one for one in kinds if not is_of_library(one.__module__)]:
        alike = [one for one in own if kind_of_layer(one) is kind]
        for name, number in _floats(next(one for one in alike if one.name in names)):
            layers = [one for one in alike if vars(one).get(name) == number]
            for order, factor in enumerate(_FACTORS):
                if _is_less(problem, layers, name, factor * number, given):
                    found.append((order, layers, name, float(f"{factor * number:.6g}")))
    return [way for _, *way in sorted(found, key=lambda one: one[0])]


def _floats(layer):
    """The numbers of a layer that its own class keeps, which are no switches and no counts."""
    ours = {name for base in type(layer).__mro__ if is_of_library(base.__module__)
            for name in vars(base)}  # fmt: skip
    return [
        (name, value) for name, value in vars(layer).items()
        if type(value) is float and value and np.isfinite(value)
        and not name.startswith("_") and name not in ours
    ]  # fmt: skip


def _is_less(problem, layers, name, number, given):
    """Whether the loss with another number is finite, and far less than the given one."""
    held = {id(one): vars(one)[name] for one in layers}
    for layer in layers:
        vars(layer)[name] = number
    try:
        loss = loss_now(problem)
    finally:
        for layer in layers:
            vars(layer)[name] = held[id(layer)]
    return bool(np.isfinite(loss)) and not abs(loss) > _LESS * abs(given)


def _code(problem, layers, name, number):
    """What to write: the argument of the class, and the same of the model as it is."""
    kind = kind_of_layer(layers[0])
    try:
        kept = kept_arguments(inspect.getsource(kind))
    # What is made in a session has no source.
    except (OSError, TypeError, SyntaxError):
        kept = {}
    argument = next((one for one, place in kept.items() if place == f"self.{name}"), None)
    written = [] if argument is None else [f"{kind.__name__}(..., {argument}={number:g})"]
    held = [_held(problem, layer) for layer in layers]
    behind = [f"{one}.{name} = {number:g}" for one in held if one]
    return "\n".join(written or behind)


def _held(problem, layer):
    for index, one in enumerate(problem.model.layers):
        if one is layer:
            made_up = may_be_made_up(layer)
            return f"model.layers[{index}]" if made_up else f"model.get_layer({layer.name!r})"
    return ""
