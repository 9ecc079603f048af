"""The one place where Keras is extended: a set learns at build whose weight it constrains.

Keras hands a constraint nothing but the variable, and that only after the first optimizer step, so
`UnitNorm()` could not tell the kernel of a convolution from that of a transposed one. A wrapper
around `Layer.add_weight` resolves `axis=None` from the layer and checks the shape while the layer
is being built. Calls that involve no `ConstraintSet` pass through untouched.
"""

import functools
from typing import Any

import keras

from constrainit._axes import resolve
from constrainit._set import ConstraintSet
from constrainit.initializers import Feasible

_MARK = "__constrainit__"


def _knows_its_layer(add_weight):
    @functools.wraps(add_weight)
    def wrapper(self: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        a_set = kwargs.get("constraint")
        initializer: Any = args[1] if len(args) > 1 else kwargs.get("initializer")
        shape = args[0] if args else kwargs.get("shape")
        if shape is not None and not isinstance(shape, (int, str)):
            where = (self, kwargs.get("name") or "", tuple(shape), _path(self, kwargs.get("name")))
            if isinstance(a_set, ConstraintSet):
                kwargs["constraint"] = resolve(a_set, *where)
            if isinstance(initializer, Feasible):
                resolved = initializer.over(resolve(initializer.set, *where))
                if len(args) > 1:
                    args = (args[0], resolved, *args[2:])
                else:
                    kwargs["initializer"] = resolved
        return add_weight(self, *args, **kwargs)

    setattr(wrapper, _MARK, True)
    return wrapper


def _path(layer, name):
    return "/".join(part for part in (layer.path or layer.name, name) if part)


def install() -> None:
    """Wraps `keras.layers.Layer.add_weight`, once."""
    current = keras.layers.Layer.add_weight
    if not hasattr(current, _MARK):
        keras.layers.Layer.add_weight = _knows_its_layer(current)
