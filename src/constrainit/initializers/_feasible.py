"""The initializer that every set has."""

import random
from typing import Any

import keras

from constrainit import _checks
from constrainit._precision import STORAGE_DTYPES, wide_dtype
from constrainit._set import ConstraintSet


@keras.saving.register_keras_serializable(package="constrainit")
class Feasible(keras.initializers.Initializer):
    """Initial weights that are members of a set, also after rounding to the storage dtype.

    The set's own law is drawn in float32 (float64 for float64 weights) and taken into the set by
    its projection. As with Keras' own initializers, an instance with a seed of None or an integer
    gives the same weights at each call; a `SeedGenerator` gives new ones.

    Args:
        set: A `ConstraintSet`.
        seed: None, an integer or a `keras.random.SeedGenerator`.
        base: A Keras initializer, or its name, whose values are projected onto the set in place of
            a draw from the set's own law; `"zeros"` starts a bias as near to zero as it may be.
    """

    def __init__(self, set: ConstraintSet, seed: Any = None, base: Any = None):
        self.set = set
        self.base = None if base is None else keras.initializers.get(base)
        self.seed = _checks.seed("Feasible", seed)
        # Drawn from Python's generator, as Keras does: `keras.utils.set_random_seed` governs it.
        self._seed = random.randint(1, 10**9) if seed is None else self.seed

    def __call__(self, shape, dtype=None, **kwargs) -> Any:
        """A member of the set.

        Args:
            shape: Shape of the weight.
            dtype: Storage dtype; None means `keras.config.floatx()`.
        """
        shape, dtype = tuple(shape), keras.backend.standardize_dtype(dtype or keras.config.floatx())
        if dtype not in STORAGE_DTYPES:
            raise _checks.fail("Feasible", "dtype", f"be one of {', '.join(STORAGE_DTYPES)}", dtype)
        self.set.check_shape(shape)
        if self.base is not None:
            return self.set.project(keras.ops.cast(self.base(shape, wide_dtype(dtype)), dtype))
        draw = self.set._draw(shape, dtype, self._seed)
        return self.set.project(keras.ops.cast(draw, dtype))

    def over(self, set: ConstraintSet) -> "Feasible":
        """This initializer, same seed and same draws, for another set."""
        copy = Feasible(set, self.seed, self.base)
        copy._seed = self._seed
        return copy

    def get_config(self) -> dict[str, Any]:
        """The set and the seed."""
        return {
            "set": keras.saving.serialize_keras_object(self.set),
            "seed": keras.saving.serialize_keras_object(self.seed),
            "base": keras.saving.serialize_keras_object(self.base),
        }

    def __repr__(self) -> str:
        return f"Feasible({self.set!r}, seed={self.seed!r})"

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Feasible":
        """The initializer that `get_config` was taken from."""
        return cls(**{k: keras.saving.deserialize_keras_object(v) for k, v in config.items()})
