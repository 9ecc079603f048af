"""A user's own constraint, seen as a set."""

import functools
from typing import Any

import keras
from keras import ops

from constrainit._own_class import tensor_of
from constrainit._precision import dtype_of, tolerance, widened
from constrainit._set import ConstraintSet
from constrainit.numerics import largest

_CALLS = 4.0
"""Several times what one call moves: the next moves something else."""

_ROUNDING = 4.0
"""So many tolerances of the largest entry are no rounding any more."""


class Custom(ConstraintSet):
    """The weights that a constraint of your own leaves as they are.

    The set is `{w : function(w) = w}`, entry by entry within the tolerance of the dtype, and within
    what a second call moves by rounding. Whether `function` is a projection (idempotent, nearest,
    deterministic) is up to it; `diagnose` measures that, and `violation` is the largest move of an
    entry.
    `project` calls it with a tensor in the dtype of the arithmetic, never with a Variable.

    The initializer draws Glorot-uniform weights and calls `function` on them.

    Args:
        function: A callable from a weight tensor to a weight tensor of the same shape.

    Raises:
        ValueError: `function` is not callable, or is a `keras.constraints.Constraint` whose class
            does not define `__call__` (Keras runs `__call__` only, and would change nothing).
    """

    convex = False
    projects = "up to the function"
    no_map = "nothing but the function is known"
    maskable = False
    traceable = False

    def __init__(self, function: Any):
        if not callable(function):
            raise ValueError(f"`function` of `Custom` must be callable. Received: {function!r}.")
        if type(function).__call__ is keras.constraints.Constraint.__call__:
            raise ValueError(
                f"`function` of `Custom` must define `__call__`. Received: {function!r}, whose "
                "class leaves it undefined, so that Keras never changes a weight. Rename its "
                "method to `__call__`."
            )
        self.function = function

    def project(self, w):
        try:
            return super().project(w)
        # A function of a user may raise anything.
        except Exception as raised:
            from constrainit._refused import refusal

            said = refusal(raised, self.function, getattr(w, "path", ""))
            if not said:
                raise
            raise ValueError(said) from None

    def _nearest(self, w, dtype, where=None):
        # A copy: a function that works in place would otherwise change what it is compared with.
        made = self.function(ops.copy(w))
        image = tensor_of(made, "`function` of `Custom`", self._name())
        if tuple(image.shape) != tuple(w.shape):
            raise ValueError(
                "`function` of `Custom` must keep the shape of the weight. Received: "
                f"{self._name()} turned {tuple(w.shape)} into {tuple(image.shape)}."
            )
        return ops.cast(image, w.dtype)

    def _units(self, rank):
        return ()

    def _outside(self, w, image):
        moved, wide = super()._outside(w, image), widened(image)
        # A factorization or a sum gives other last digits for what it has given itself.
        again = ops.abs(widened(self._nearest(wide, dtype_of(image))) - wide)
        most = _ROUNDING * tolerance(dtype_of(image)) * largest(ops.abs(wide))
        return ops.where(ops.abs(moved) <= ops.minimum(_CALLS * largest(again), most), 0.0, moved)

    def _usable(self, w):
        return ops.logical_not(ops.isnan(w))

    def _name(self):
        return own_name(self.function)

    def _phrase(self):
        return f"the fixed points of {self._name()}"

    def get_config(self):
        """The function, as Keras saves it."""
        return {"function": keras.saving.serialize_keras_object(self.function)}

    @classmethod
    def from_config(cls, config):
        """The set around the function that Keras finds again."""
        return cls(keras.saving.deserialize_keras_object(config["function"]))


def users_own(constraint: Any) -> Any:
    """What a user wrote: of a `Custom`, in which `constrain` puts it, the function or object."""
    while isinstance(constraint, Custom):
        constraint = constraint.function
    return constraint


def own_name(constraint: Any) -> str:
    """The name of a user's function, or of the class of a constraint."""
    own = users_own(constraint)
    own = own.func if isinstance(own, functools.partial) else own
    return getattr(own, "__name__", type(own).__name__)
