"""What a class of layers takes as constraints, for the error where it is given another one."""

import difflib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras

from constrainit._set import ConstraintSet
from constrainit.sets.keras_builtin import set_of

SUFFIX = "_constraint"
_HOLDS_OTHERS = ("layer", "cell", "cells", "layers")
"""How arguments are called that are layers themselves."""


def not_taken(kind: type, given: str) -> str:
    """What a class of layers has in the place of a constraint that it does not take.

    Args:
        kind: The class.
        given: The name of the argument that it was given.
    """
    signatures = [inspect.signature(one.__init__).parameters for one in kind.__mro__]
    found = [n.removesuffix(SUFFIX) for one in signatures for n in one if n.endswith(SUFFIX)]
    known = list(dict.fromkeys(found))
    if not known:
        return f"`{kind.__name__}` takes no constraint. Received: {given}. {_instead(kind)}"
    near = difflib.get_close_matches(given.removesuffix(SUFFIX), known, n=1)
    like = near[0] if near else known[0]
    return (
        f"`{kind.__name__}` takes constraints for {', '.join(map(repr, known))}. Received: "
        f"{given}. Write {like}{SUFFIX}=..., or **constrained({like}=...); for single weights "
        "inside of a built model there is constrain(model, {pattern: a_set})."
    )


def sets_by_weight(given: dict[str, Any]) -> dict[str, ConstraintSet]:
    """The sets that `Reparametrized` is given, by the names of their weights.

    Raises:
        ValueError: It is given what a layer takes, such as `kernel_constraint`, or no set.
    """
    for name in given:
        weight = name.removesuffix(SUFFIX).removesuffix("_initializer")
        if weight != name:
            raise ValueError(
                "`Reparametrized` takes a set under the name of its weight. Received: "
                f"{name}. Write Reparametrized(layer, {weight}=a_set); what is to be projected "
                f"after each step goes to the layer inside, as {weight}{SUFFIX}."
            )
    return {name: set_of("Reparametrized", name, one) for name, one in given.items()}


def _instead(kind: type) -> str:
    """Where a constraint is to be given that a class has no argument for."""
    built = "to a built model: constrain(model, {pattern: a_set})."
    first = next(iter(inspect.signature(kind).parameters), "")
    if first in _HOLDS_OTHERS:
        several = first.endswith("s")
        inner = f"each of the {first} inside" if several else f"the {first} inside"
        shown = "Inner(..., **constrained(...))"
        shown = f"[{shown}, ...]" if several else shown
        return f"Give it to {inner}, {kind.__name__}({shown}), or {built}"
    if kind.__module__.split(".")[0] != "keras":
        return f"Give it to `add_weight` in the class, or {built}"
    if any("add_weight" in one.__code__.co_names for one in _methods(kind)):
        return f"Give it {built}"
    return "A layer of this kind has no weights: give it to one that has."


def _methods(kind: type) -> Iterator[Callable[..., Any]]:
    """The functions of a class and of those that it comes from, but for those of every layer."""
    for one in kind.__mro__:
        if one in keras.layers.Layer.__mro__:
            continue
        found = [inspect.unwrap(value) for value in vars(one).values() if inspect.isfunction(value)]
        yield from (function for function in found if inspect.isfunction(function))
