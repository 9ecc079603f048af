"""Whether what a layer has computed once from a weight goes on with it: as a view, or in a file."""

import contextlib
from dataclasses import replace

from constrainit.doctor._drawn_anew import DrawnAnew, made_again
from constrainit.doctor._evidence import ComputedEvidence
from constrainit.doctor._randomness import undisturbed
from constrainit.doctor._reloaded import is_dear, names_as_before
from constrainit.doctor.engines import engine


def with_live_views(computed: list[ComputedEvidence]) -> list[ComputedEvidence]:
    """The same, with a note of those that are the memory of a weight and stay so once loaded."""
    return [replace(made, live=_is_live(made)) for made in computed]


def _is_live(made):
    variables = [record.variable for record in made.records]
    layer = made.holder
    if not engine().is_memory_of(getattr(layer, made.name), variables):
        return False
    if is_dear(layer, whole_models=True):
        return True
    # What can not be loaded is told of as that.
    with contextlib.suppress(Exception), undisturbed(), names_as_before():
        again = made_again(layer)
        return engine().is_memory_of(vars(again)[made.name], again.trainable_variables)
    return True


def of_weights(
    others: list[ComputedEvidence], drawn: list[DrawnAnew]
) -> tuple[list[ComputedEvidence], list[DrawnAnew]]:
    """What comes back from a file as another one, by whether it was computed from weights.

    Args:
        others: The tensors that were computed so, and may be kept on purpose.
        drawn: What comes back as another one.
    """
    apart = {(id(one.layer), name): one.apart for one in drawn for name in one.values}
    places = {(id(made.holder), made.name): made for made in others if not is_to_stay(made)}
    found = [
        replace(made, reloaded=apart[place]) for place, made in places.items() if place in apart
    ]
    left = []
    for one in drawn:
        values = {n: v for n, v in one.values.items() if (id(one.layer), n) not in places}
        if values:
            left.append(one._replace(values=values))
    return found, left


def is_to_stay(made: ComputedEvidence) -> bool:
    """Whether the user's own line says that it is no part of what is trained."""
    return made.source is not None and "stop_gradient" in made.source.text
