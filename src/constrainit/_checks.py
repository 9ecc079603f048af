"""Checks of arguments: the only copy of their messages."""

import difflib
import math
import numbers
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from constrainit._came import came


def fail(owner: str, name: str, must: str, value: Any, instead: str = "") -> ValueError:
    """The one shape that an argument error has."""
    hint = f" {instead}" if instead else ""
    return ValueError(f"`{name}` of `{owner}` must {must}. Received: {name}={came(value)}.{hint}")


def named(owner: str, unnamed: Sequence[Any], write: str) -> None:
    """Nothing where a weight is to be named; `write` is the right call, with a set left out."""
    if not unnamed:
        return
    raise ValueError(
        f"`{owner}` must be told which weight a set is for. Received: {came(unnamed[0])} without a "
        f"name. Write {write.format(unnamed[0])} where it is for the kernel."
    )


def number(owner: str, name: str, value: Any, *, instead: str = "") -> float:
    """A finite real number, as a plain Python float."""
    real = isinstance(value, (numbers.Real, np.generic)) and not isinstance(value, (bool, np.bool_))
    if not real or not math.isfinite(float(value)):
        raise fail(owner, name, "be a finite number", value, instead)
    return float(value)


def bounds(owner: str, name: str, value: Any, side: int) -> Any:
    """A bound on entries: None, a float, or nested lists of floats, with None for no bound.

    Args:
        owner: The class.
        name: The argument.
        value: None, a number or an array. An entry of None, or an infinity on this side, is open.
        side: -1 for a lower bound, +1 for an upper one.
    """
    instead = "Use None for an open side."
    try:
        array = np.asarray(value)
    except ValueError:
        raise fail(owner, name, "hold lists of one length", value) from None
    if array.ndim == 0:
        return None if value is None else number(owner, name, array.tolist(), instead=instead)
    try:
        if array.dtype.kind in "bUSmM":
            raise TypeError
        if array.dtype.kind == "O":
            filled = [side * math.inf if one is None else one for one in array.ravel()]
            array = np.asarray(filled, dtype=object).reshape(array.shape)
        infinite = array.astype("float64")
    except (TypeError, ValueError):
        infinite = np.full(1, math.nan)
    if not infinite.size or np.isnan(infinite).any() or (infinite == -side * math.inf).any():
        raise fail(owner, name, "hold finite numbers, and None where it is open", value, instead)
    is_open = np.isinf(infinite)
    if is_open.all():
        return None
    plain = infinite.astype(object)
    plain[is_open] = None
    return plain.tolist()


def switch(owner: str, name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise fail(owner, name, "be True or False", value)
    return value


def choice(
    owner: str,
    name: str,
    value: Any,
    allowed: Sequence[str],
    *,
    meant: Mapping[str, str] | None = None,
    whose: str = "",
) -> str:
    """One of a few words.

    Args:
        owner: The class or function.
        name: The argument.
        value: What was given.
        allowed: The words.
        meant: Of other words which of them they stand for.
        whose: What is said behind the words.
    """
    if isinstance(value, str) and value in allowed:
        return value
    near = nearest_word(value, {**{one: one for one in allowed}, **(meant or {})})
    *first, last = map(repr, allowed)
    must = f"be {', '.join(first)} or {last}{whose}"
    raise fail(owner, name, must, value, f"Write {name}={near!r}." if near else "")


def nearest_word(value: Any, known: Mapping[str, str]) -> str:
    """What a misspelt word stands for, as known words do; empty if it is like none of them."""
    if not isinstance(value, str):
        return ""
    near = difflib.get_close_matches(value.strip().lower(), known, n=1)
    return known[near[0]] if near else ""


def positive(owner: str, name: str, value: Any, *, instead: str = "") -> float:
    """A finite number above zero."""
    if number(owner, name, value, instead=instead) <= 0:
        raise fail(owner, name, "be positive and finite", value, instead)
    return float(value)


def numbers_of(owner: str, name: str, value: Any) -> list[float]:
    """A sequence of finite numbers, as a list of plain Python floats."""
    array = np.asarray(value, dtype=object)
    if array.ndim != 1 or not array.size or isinstance(value, (str, set, dict)):
        raise fail(owner, name, "be a list of finite numbers", value)
    return [number(owner, name, item) for item in array]


def rows(owner: str, name: str, value: Any) -> list[Any]:
    """A vector or a matrix of finite numbers, as a list or a list of lists of plain floats."""
    try:
        array = np.asarray(value)
        if array.dtype.kind in "bUSmM" or array.ndim not in (1, 2) or not array.size:
            raise ValueError
        array = array.astype("float64")
    except (TypeError, ValueError):
        array = np.full(1, math.nan)
    if not np.isfinite(array).all():
        must = "be a list of finite numbers, or a list of such lists of one length"
        raise fail(owner, name, must, value)
    return array.tolist()


def for_each_row(owner: str, name: str, value: Any, count: int) -> Any:
    """A finite number, or a list with one for each row of a matrix."""
    if not isinstance(value, (list, tuple)) and np.ndim(value) == 0:
        return number(owner, name, value)
    found = numbers_of(owner, name, value)
    if len(found) != count:
        must = f"be a number, or a list with one for each of the {count} rows of the matrix"
        raise fail(owner, name, must, value)
    return found


def integer(owner: str, name: str, value: Any) -> int:
    """An integer of any sign."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise fail(owner, name, "be an integer", value)
    return int(value)


def count(owner: str, name: str, value: Any, *, least: int = 1) -> int:
    """An integer of at least one, or another number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise fail(owner, name, f"be an integer of at least {least}", value)
    return int(value)


def axes(owner: str, value: Any) -> int | list[int] | None:
    """`axis`: None, an integer, or a sequence of different integers."""
    if value is None:
        return None
    items = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    whole = all(isinstance(a, numbers.Integral) and not isinstance(a, bool) for a in items)
    if not items or not whole or len({int(a) for a in items}) < len(items):
        raise fail(
            owner, "axis", "be None, an integer, or a list of different integers", value,
            "`None` means: the axes that feed one unit of the layer.",
        )  # fmt: skip
    return [int(a) for a in items] if isinstance(value, Sequence) else int(value)


def among(owner: str, name: str, value: Any, allowed: Sequence[int], must: str) -> np.ndarray:
    """A number, list or array of numbers that are all among a few, as an array."""
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.asarray(None)
    if array.size == 0 or not np.isin(array, allowed).all():
        raise fail(owner, name, must, value)
    return array


def mask(owner: str, value: Any) -> Any:
    """`mask`: booleans, or 0 and 1, as nested lists of plain Python booleans."""
    must = "hold booleans, or 0 and 1, in lists of one length"
    return among(owner, "mask", value, (0, 1), must).astype(bool).tolist()


def fits(own: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether what has the shape `own` broadcasts to a weight of this shape."""
    try:
        return np.broadcast_shapes(own, shape) == tuple(shape)
    except ValueError:
        return False


def broadcasts(owner: str, name: str, value: Any, shape: tuple[int, ...]) -> None:
    """That an argument, as an array, broadcasts to a weight of this shape."""
    own = np.shape(value)
    if not fits(own, shape):
        raise ValueError(
            f"`{name}` of `{owner}` must broadcast to the weight. Received: shape {own} for a "
            f"weight of shape {tuple(shape)}."
        )


def sizes(owner: str, value: Any) -> tuple[int, ...]:
    """`shape`: integers in a list, tuple or what an array has for a shape."""
    try:
        found = tuple(value)
    except TypeError:
        raise fail(owner, "shape", "be a list of integers", value) from None
    if not all(isinstance(one, numbers.Integral) for one in found):
        raise fail(owner, "shape", "be a list of integers", value)
    return found


def not_empty(owner: str, name: str, shape: tuple[int, ...]) -> None:
    """That a weight of this shape holds a number."""
    if 0 in shape:
        raise ValueError(
            f"`{name}` of `{owner}` must hold at least one weight. Received: shape={tuple(shape)}."
        )


def file_path(owner: str, name: str, value: Any, must: str = "be the path of a file") -> Path:
    """The path of a file, which may not be there yet."""
    if not isinstance(value, (str, os.PathLike)):
        raise fail(owner, name, must, value)
    path = Path(value)
    if path.is_dir():
        raise fail(owner, name, must, str(value), "It is a folder.")
    return path


def in_folder(owner: str, name: str, path: Path) -> Path:
    """The path of a file to write, whose folder is there."""
    if not path.resolve().parent.is_dir():
        raise ValueError(f"There is no folder {str(path.parent)!r} for `{name}` of `{owner}`.")
    return path


def patterns(owner: str, name: str, value: Any) -> list[str]:
    """A pattern of the paths of weights, or several, as a list."""
    kinds = (list, tuple, set, frozenset)
    found = [value] if isinstance(value, str) else list(value) if isinstance(value, kinds) else []
    if not found or not all(isinstance(one, str) for one in found):
        raise fail(owner, name, "be a pattern or a list of patterns", value)
    return found


def seed(owner: str, value: Any) -> Any:
    """None, an integer, or a `keras.random.SeedGenerator`."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= 0
    if value is None or type(value).__name__ == "SeedGenerator":
        return value
    if not whole:
        wanted = "be None, an integer of at least 0 or a keras.random.SeedGenerator"
        raise fail(owner, "seed", wanted, value)
    return int(value)
