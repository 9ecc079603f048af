"""What is asked of a set class of the user's own: when it is defined, made and first called."""

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any

from keras import ops

from constrainit._signatures import NAMED

_WRITTEN = "_nearest(self, w, dtype, where=None)"


def is_own(kind: type) -> bool:
    """Whether a class is not one of this library."""
    return kind.__module__.split(".")[0] != "constrainit"


def has_own(a_set: Any) -> bool:
    """Whether a set, or one that it is made of, is of a class of the user's own."""
    if is_own(type(a_set)):
        return True
    values = getattr(a_set, "_arguments", dict)().values()
    found = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return any(has_own(one) for one in found if hasattr(one, "_nearest"))


def check_definition(kind: type) -> None:
    """Has the `_nearest` that a class of the user's own defines say what is wrong with it.

    Raises:
        TypeError: It does not take `(self, w, dtype, where)`.
    """
    nearest = vars(kind).get("_nearest")
    if not is_own(kind) or not inspect.isfunction(nearest):
        return
    signature = inspect.signature(nearest)
    try:
        signature.bind(None, None, "float32", None)
    except TypeError:
        raise TypeError(
            f"`_nearest` of `{kind.__name__}` must take (self, w, dtype, where=None). Received: "
            f"{signature}. Write `def {_WRITTEN}:`."
        ) from None
    kind._nearest = _checked(nearest)  # pyright: ignore[reportAttributeAccessIssue]


def _checked(nearest: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(nearest)
    def wrapper(self, w, dtype, where=None):
        try:
            image = nearest(self, w, dtype, where)
        except AttributeError as raised:
            if raised.obj is not self:
                raise
            said = _lacks(self, raised.name)
            raise AttributeError(said).with_traceback(raised.__traceback__) from None
        if getattr(image, "shape", None) == w.shape:
            return image
        owner = type(self).__name__
        image = tensor_of(image, f"`_nearest` of `{owner}`", "it")
        if not _fits(image.shape, w.shape):
            raise ValueError(
                f"`_nearest` of `{owner}` must keep the shape of the weight. Received: it turned "
                f"{tuple(w.shape)} into {tuple(image.shape)}."
            )
        return image

    return wrapper


def _fits(came, wanted):
    """Whether a shape is the one that is wanted, as far as TensorFlow knows it while it traces."""
    if getattr(came, "rank", 0) is None:
        return True
    return len(came) == len(wanted) and all(
        c in (None, w) for c, w in zip(came, wanted, strict=True)
    )


def tensor_of(made: Any, what: str, name: str) -> Any:
    """What a user's code made of a weight, as a tensor.

    Args:
        made: What it returned.
        what: What must return the weight, as the error calls it.
        name: What returned this.

    Raises:
        ValueError: It is no tensor and no number.
    """
    try:
        if not isinstance(made, str | None):
            return ops.convert_to_tensor(made)
    except (TypeError, ValueError):
        pass
    hint = " Does it lack a `return`?" if made is None else ""
    raise ValueError(
        f"{what} must return the constrained weight. Received: {name} returned {made!r}.{hint}"
    )


def _lacks(a_set, name):
    """What is said of a set that reads what it has not got."""
    owner = type(a_set).__name__
    near = difflib.get_close_matches(name, vars(a_set), n=1)
    instead = f"Write self.{near[0]}, which it has." if near else (
        f"Make it an argument of the constructor and store it: `def __init__(self, {name}"
        f"{'=None' if name == 'axis' else ''}): self.{name} = {name}`."
    )  # fmt: skip
    return f"`_nearest` of `{owner}` reads `self.{name}`, which the set does not have. {instead}"


def argument_of(a_set: Any, name: str) -> Any:
    """What a set was made with, where it keeps it: under the argument's own name.

    Raises:
        AttributeError: It is kept under another name, or not at all.
    """
    try:
        return getattr(a_set, name)
    except AttributeError:
        raise AttributeError(
            f"The constructor of `{type(a_set).__name__}` must store its argument `{name}` under "
            f"its own name: `get_config`, `==` and `repr` read it there. Write self.{name} = "
            f"{name}."
        ) from None


def check_made(a_set: Any) -> None:
    """Raises AttributeError if a set of the user's own does not keep what it was made with."""
    if is_own(type(a_set)):
        a_set._arguments()


def arguments(a_set: Any) -> dict[str, Any]:
    """What the constructor of a set takes, by name, with what it was given."""
    named = inspect.signature(type(a_set)).parameters.values()
    return {p.name: argument_of(a_set, p.name) for p in named if p.kind in NAMED}
