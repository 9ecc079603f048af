"""The part of a set that gives it a start: a law for its weights, and draws from it."""

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._folding import Folding
from constrainit.initializers import laws, laws_of_bounds
from constrainit.initializers._draws import fans


class Starting:
    """What `ConstraintSet` says of initial weights."""

    _units: Callable[[int], tuple[int, ...]]

    def initializer(
        self,
        seed: Any = None,
        *,
        base: Any = None,
        activation: Any = None,
        depth: int = 1,
        inputs: Any = None,
    ) -> keras.initializers.Initializer:
        """A Keras initializer whose every draw is a member, also after rounding.

        Args:
            seed: As for Keras' own initializers: None, an integer or a `SeedGenerator`.
            base: A Keras initializer to take the values from, in place of the set's own law.
            activation: The layer's activation, for the scale that `plan` finds; None for Glorot's.
            depth: How many such layers the signal passes.
            inputs: What feeds the layer, as for `plan`.
        """
        from constrainit.initializers import Feasible

        _checks.seed(type(self).__name__ + ".initializer", seed)
        return Feasible(self, seed, base, activation, depth, inputs)

    @functools.cached_property
    def scale_free(self) -> bool:
        """Whether weights of any size are in the set, so that a start can have the size it wants.

        Where not, `constrained` with an activation scales the layer's output.
        """
        for size in (1e-3, 1e3):
            law = self._law(64, 64, laws.Wanted(size, size))
            reached = law and (abs(law.total) if law.positive else law.norm)
            if reached is None or abs(reached / size - 1) > 1e-6:
                return False
        return True

    @property
    def is_cone(self) -> bool:
        """Whether every positive multiple of a member is one, so that `calibrate` may scale it."""
        return self.scale_free

    def _law(self, fan_in: int, fan_out: int, wanted: laws.Wanted) -> laws.Law | None:
        """The law of the initial weights of units fed by `fan_in` weights.

        None, the default, if it has no closed form: uniform weights are drawn and projected.
        """
        return None

    def _law_of(self, shape, axes, wanted, where=None) -> laws.Law | None:
        """The law for a weight of this shape; arguments as for `_draw`."""
        rows, height = self._rows_of(shape, axes)
        width = max(Folding(shape, rows).size[1], 1)
        if where is None:
            return self._law(height, width, wanted)
        counts = np.count_nonzero(where, axis=rows).ravel()
        if not counts.any():
            return laws.nothing(height)
        typical = max(round(float(counts[counts > 0].mean())), 1)
        law = self._law(typical, width, replace(wanted, masked=True))
        return law and law.under_mask(height, counts)

    def _draw(self, shape, dtype: str, seed: Any, wanted=None, axes=None, where=None) -> Any:
        """A draw near the set, which `project` then takes into it.

        Args:
            shape: Shape of the weight.
            dtype: Storage dtype; the draw is in `wide_dtype(dtype)`.
            seed: An integer or a `SeedGenerator`.
            wanted: The scale that a plan asks for; None for that of Glorot.
            axes: The axes that feed one unit of the layer, where the set does not say.
            where: Array of booleans of this shape: the entries that may differ from zero.
        """
        rows, height = self._rows_of(shape, axes)
        if wanted is None:
            wanted = self._as_glorot(shape, axes)
        law = self._law_of(shape, axes, wanted, where) or laws_of_bounds.independent(height, wanted)
        folding = Folding(shape, rows)
        where = None if where is None else folding.matrix(ops.convert_to_tensor(where))
        return folding.weight(law.draw(*folding.size, dtype, seed, where))

    def _as_glorot(self, shape, axes):
        """The scale of Glorot for a weight of this shape."""
        rows, height = self._rows_of(shape, axes)
        return laws.Wanted(gain=math.sqrt(2.0 * height / sum(fans(shape, rows))))

    def _rows_of(self, shape, axes):
        """The axes that feed one unit, in order, and how many weights that is."""
        rank = len(shape)
        rows = self._fed(rank)
        if rows is None:
            rows = axes if axes is not None and rank > 1 else range(rank - 1 if rank > 1 else rank)
        rows = tuple(sorted(a % rank for a in rows))
        return rows, math.prod(shape[a] for a in rows)

    def _fed(self, rank: int) -> tuple[int, ...] | None:
        """The axes that feed one unit, if the set says so."""
        return self._units(rank) if getattr(self, "axis", None) is not None else None
