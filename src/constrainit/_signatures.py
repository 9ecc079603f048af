"""Signatures, which Keras reads to know what a layer takes."""

import functools
import inspect
from collections.abc import Callable
from typing import Any


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
