"""Signatures, which Keras reads to know what a layer takes, and users forget."""

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from constrainit._came import came

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
"""The kinds of parameters that can be given by name."""


_F = TypeVar("_F", bound=Callable[..., Any])


def signed(function: Callable[..., Any], as_this: Callable[..., Any], **more: Any) -> Any:
    """A function with the signature of another, and more parameters that are keywords."""

    @functools.wraps(as_this)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    signature = inspect.signature(as_this)
    known = list(signature.parameters.values())
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value)
        for name, value in more.items()
        if name not in signature.parameters
    ]
    last = known.pop() if known and known[-1].kind is inspect.Parameter.VAR_KEYWORD else None
    parameters = [*known, *added, *([last] if last else [])]
    wrapper.__dict__["__signature__"] = signature.replace(parameters=parameters)
    return wrapper


def takes_training(layer: Any) -> bool:
    """Whether the `call` of a layer can be told whether it is training."""
    parameters = inspect.signature(layer.call).parameters.values()
    return any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)


_ALIKE = (
    (
        "radius", "bound", "upper", "maximum", "max_value", "max_norm", "max", "high", "limit",
        "value", "norm", "sigma", "coeff", "clip_value",
    ),
    ("lower", "minimum", "min_value", "min_norm", "min", "low", "epsilon", "eps"),
    ("total", "sum", "scale", "value"),
    ("axis", "axes", "dim"),
    ("count", "gates", "blocks", "parts"),
    ("set", "constraint"),
    ("sets", "constraints", "parts"),
    ("rate", "share", "factor"),
    ("steps", "every", "frequency"),
    ("direction", "sign", "monotonicity", "increasing"),
    ("rank", "k"),
)  # fmt: skip
"""What other libraries, or other sets, call the same."""


def explaining(function: _F) -> _F:
    """A function that says what its arguments are called, where it was given others."""
    owner = function.__name__

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except TypeError:
            said = _misfit(owner, function, args, kwargs)
            if not said:
                raise
            raise TypeError(said) from None

    return cast(_F, wrapper)


def _telling(init: Any) -> Any:
    """A constructor that says what its arguments are called, where it was given others."""

    @functools.wraps(init)
    def wrapper(self, *args, **kwargs):
        try:
            init(self, *args, **kwargs)
        except TypeError:
            # A function that was made elsewhere has no class in its name.
            inside = None if type(self).__init__ is wrapper else _class_of(init)
            owner = inside or type(self).__name__
            said = _misfit(owner, init, (self, *args), kwargs)
            if not said:
                raise
            raise TypeError(said) from None
        if type(self).__init__ is wrapper:
            self._once_made()

    return wrapper


def _class_of(init):
    """The name of the class that a constructor was written in, or an empty string."""
    name = init.__qualname__.rpartition(".")[0].rpartition(".")[2]
    return name if name.isidentifier() else ""


class Told:
    """A class whose constructor says what its arguments are called."""

    @_telling
    def __init__(self) -> None:
        super().__init__()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.__init__ = _telling(cls.__init__)

    def _once_made(self) -> None:
        """Looks at what the constructor has made, for classes that have something to ask of it."""


def _misfit(owner, function, args, kwargs):
    """Why arguments are not those of a function or constructor; empty if they are."""
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as fault:
        reason = str(fault)
    else:
        return ""
    known = [p for p in signature.parameters.values() if p.kind in NAMED]
    if known and known[0].name == "self":
        known, args = known[1:], args[1:]
    shown = ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in known)
    its = f"Its arguments are ({shown})." if known else "It takes none."
    names = [p.name for p in known]
    for name, value in kwargs.items():
        if name not in names:
            taken = {*kwargs, *names[: len(args)]}
            near = _alike(name, [one for one in names if one not in taken])
            hint = f" Write {near}={came(value)}." if near else ""
            return (
                f"`{owner}` has no argument `{name}`. Received: {name}={came(value)}. {its}{hint}"
            )
    needed = [p.name for p in known[len(args) :] if p.default is p.empty and p.name not in kwargs]
    if needed:
        return f"`{owner}` must be given `{needed[0]}`. {its}"
    given = ", ".join(
        [*map(came, args), *(f"{name}={came(value)}" for name, value in kwargs.items())]
    )
    way = "made of" if owner[:1].isupper() else "called with"
    return f"`{owner}` can not be {way} ({given}): {reason}. {its}"


def _alike(name, names):
    """The argument that another name is likely to mean; empty if that can not be told."""
    groups = [group for group in _ALIKE if name in group]
    found = [one for one in names if any(one in group for group in groups)]
    near = found if len(found) == 1 else difflib.get_close_matches(name, names, n=1)
    return near[0] if near else ""
