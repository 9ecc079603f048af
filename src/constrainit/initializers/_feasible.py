"""The initializer that every set has, and the bias that goes with it."""

import inspect
import random
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._compile import compiled_draw
from constrainit._precision import STORAGE_DTYPES, stored_dtype, wide_dtype
from constrainit._set import ConstraintSet
from constrainit._warning import warn
from constrainit.initializers._draws import PassedSeed
from constrainit.initializers._names import check_inputs
from constrainit.initializers._start import Signal, Start, start, warn_if_far
from constrainit.initializers.laws import Wanted

_SWEEPS = 8


def drawn(a_set: ConstraintSet, shape, dtype: str, seed: Any, wanted: Any, axes: Any) -> Any:
    """A member of the set, from its law."""
    compiled = compiled_draw(_drawn_from)
    if compiled is None or not a_set.traceable:
        return _drawn(a_set, shape, dtype, seed, wanted, axes)
    pair = np.asarray([seed, 0], "uint32") if isinstance(seed, int) else seed.next()
    return compiled(pair, a_set, shape, dtype, wanted, axes)


def _drawn(a_set, shape, dtype, seed, wanted, axes):
    return a_set.project(ops.cast(a_set._draw(shape, dtype, seed, wanted, axes), dtype))


def _drawn_from(pair, a_set, shape, dtype, wanted, axes):
    return _drawn(a_set, shape, dtype, PassedSeed(pair), wanted, axes)


@keras.saving.register_keras_serializable(package="constrainit")
class Feasible(keras.initializers.Initializer):
    """Initial weights that are members of a set, also after rounding to the storage dtype.

    The set's own law is drawn in float32 (float64 for float64 weights) and taken into the set by
    its projection. As with Keras' own initializers, an instance with a seed of None or an integer
    gives the same weights at each call; a `SeedGenerator` gives new ones.

    Without an activation the scale is that of Glorot, wherever the set allows it; with one it is
    the scale that `plan` finds.

    Args:
        set: A `ConstraintSet`.
        seed: None, an integer or a `keras.random.SeedGenerator`.
        base: A Keras initializer, or its name, whose values are projected onto the set in place of
            a draw from the set's own law; `"zeros"` starts a bias as near to zero as it may be.
            With an activation they are first scaled so that the projected weights have the size
            that `plan` finds.
        activation: The activation of the layer: a name, a callable, `"linear"`; or None.
        depth: How many such layers the signal passes, one after the other.
        inputs: What feeds the layer: `"data"` of mean 0 and variance 1, or the activation of the
            layer before. None: data if `depth` is 1, else the layer's own activation.
    """

    def __init__(
        self,
        set: ConstraintSet,
        seed: Any = None,
        base: Any = None,
        activation: Any = None,
        depth: int = 1,
        inputs: Any = None,
    ):
        self.set = set
        self.base = None if base is None else keras.initializers.get(base)
        self.seed = _checks.seed(self._owner, seed)
        self.activation = activation
        self.depth = _checks.count(self._owner, "depth", depth)
        check_inputs(self._owner, inputs)
        self.inputs = inputs
        self._axes: tuple[int, ...] | None = None
        # A layer says itself what its plan lacks.
        self._recurrent = self._told = False
        self._path = ""
        # Drawn from Python's generator, as Keras does: `keras.utils.set_random_seed` governs it.
        self._seed = random.randint(1, 10**9) if seed is None else self.seed

    def __call__(self, shape, dtype=None, **kwargs) -> Any:
        """A member of the set.

        Args:
            shape: Shape of the weight.
            dtype: Storage dtype; None means `keras.config.floatx()`.

        Raises:
            ValueError: The set has no members of this shape, or none was found.
        """
        shape = _checks.sizes(self._owner, shape)
        dtype = keras.backend.standardize_dtype(dtype or keras.config.floatx())
        _checks.choice(self._owner, "dtype", dtype, STORAGE_DTYPES)
        # What is rounded for one dtype is no member in another.
        dtype = stored_dtype(dtype)
        _checks.not_empty(self._owner, "shape", shape)
        self.set.check_shape(shape)
        begun = None if self.activation is None else self.start(shape)
        if begun is not None and not self._told:
            for line in self.start(shape, scaled=False).warnings:
                warn(f"`{self._owner}`: {line}.")
        if self.base is not None:
            w = self._from_base(self.base(shape, wide_dtype(dtype)), dtype, begun)
            self._warn_if_alike(w)
            return self._member(w)
        if begun is None:
            warn_if_far(self.set, shape, self._axes, recurrent=self._recurrent)
        wanted = begun.wanted if begun is not None else self._steady(shape)
        return self._member(drawn(self.set, shape, dtype, self._seed, wanted, self._axes))

    @property
    def _owner(self) -> str:
        """What a user calls to get this: errors speak of it."""
        return f"{type(self.set).__name__}.initializer"

    def _member(self, w):
        """The weight, where the set has such a member."""
        try:
            lacking = self.set._lacking(w)
        # Being traced, it has no value yet.
        except (TypeError, ValueError, NotImplementedError):
            return w
        if lacking:
            whose = f"The set of {self._path!r}" if self._path else "The set"
            raise ValueError(
                f"{whose} has no weight of shape {tuple(w.shape)}: none was found that is "
                f"{lacking}. Give one of the sets a wider bound. Received: {self.set!r}."
            )
        return w

    def start(self, shape: tuple[int, ...], *, bias: bool = True, scaled: bool = True) -> Start:
        """The plan that the weights of this shape follow."""
        signal = Signal(
            self.activation, self.depth, self.inputs, bias=bias, output_scale=scaled
        )  # fmt: skip
        return start(self.set, tuple(shape), self._axes, signal)

    def _steady(self, shape):
        """What keeps a state over time: weights of spectral radius one."""
        law = self.set._law_of(shape, self._axes, Wanted()) if self._recurrent else None
        return None if law is None or law.radius == 1 else Wanted(gain=1 / law.radius)

    def _from_base(self, base, dtype, begun):
        w = self.set.project(ops.cast(base, dtype))
        if begun is None:
            return w
        law, (rows, _) = begun.law, self.set._rows_of(tuple(w.shape), self._axes)
        for _ in range(_SWEEPS):
            wide = ops.cast(w, wide_dtype(dtype))
            if law.positive:
                size, goal = ops.abs(ops.mean(ops.sum(wide, axis=rows))), abs(law.total)
            else:
                size = ops.sqrt(ops.mean(ops.sum(ops.square(wide), axis=rows)))
                goal = law.norm
            factor = ops.where(size > 0, goal / ops.maximum(size, 1e-30), ops.ones_like(size))
            base = base * ops.cast(ops.clip(factor, 1e-3, 1e3), base.dtype)
            w = self.set.project(ops.cast(base, dtype))
        return w

    def _warn_if_alike(self, w):
        """Warns of units that start with the same weights: they stay the same in training."""
        rank = len(w.shape)
        rows = {axis % rank for axis in self._axes or range(rank - 1)}
        units = tuple(axis for axis in range(rank) if axis not in rows)
        # Who writes zeros or ones, as for a bias, means it.
        meant = isinstance(self.base, keras.initializers.Zeros | keras.initializers.Ones)
        if meant or not rows or max((w.shape[axis] for axis in units), default=1) == 1:
            return
        wide = ops.cast(w, "float32")
        alike = ops.all(ops.equal(ops.max(wide, axis=units), ops.min(wide, axis=units)))
        try:
            alike = bool(alike)
        # Being traced, it has no value yet.
        except (TypeError, ValueError, NotImplementedError):
            return
        if alike:
            warn(
                f"`base` of `{self._owner}` gives all units the same weights inside of the set "
                f"({self.set.describe()}), so that they would learn the same. Received: "
                f"base={type(self.base).__name__}. Give another base, or none.",
            )

    def over(
        self,
        set: ConstraintSet,
        axes: tuple[int, ...] | None = None,
        recurrent: bool = False,
        path: str = "",
    ) -> "Feasible":
        """This initializer, same seed and same draws, for a weight of a layer.

        Args:
            set: The set, as it is for this weight.
            axes: The axes that feed one unit.
            recurrent: Whether the weight is applied again at each step of time.
            path: The path of the weight, for errors.
        """
        copy = Feasible(set, self.seed, self.base, self.activation, self.depth, self.inputs)
        copy._seed, copy._axes, copy._recurrent, copy._told = self._seed, axes, recurrent, True
        copy._path = path
        return copy

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            "set": keras.saving.serialize_keras_object(self.set),
            "seed": keras.saving.serialize_keras_object(self.seed),
            "base": keras.saving.serialize_keras_object(self.base),
            "activation": _packed(self.activation),
            "depth": self.depth,
            "inputs": _packed(self.inputs),
        }

    def __repr__(self) -> str:
        named = inspect.signature(type(self)).parameters.values()
        given = [
            f"{p.name}={value!r}"
            for p in named
            if p.name != "set" and (value := getattr(self, p.name)) != p.default
        ]
        return f"Feasible({', '.join([repr(self.set), *given])})"

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Feasible":
        """The initializer that `get_config` was taken from."""
        return cls(**{k: keras.saving.deserialize_keras_object(v) for k, v in config.items()})


@keras.saving.register_keras_serializable(package="constrainit")
class MatchingBias(keras.initializers.Initializer):
    """The constant bias that goes with a kernel's start.

    It puts the mean of the pre-activation where the plan of the kernel wants it. The kernel is
    that of the same layer, and its initializer a `Feasible` with an activation; the layer tells
    this initializer at build.

    Args:
        set: A set for the bias itself, or None.
    """

    def __init__(self, set: ConstraintSet | None = None):
        self.set = set
        self.value: float | None = None

    def __call__(self, shape, dtype=None, **kwargs) -> Any:
        """The bias for each unit, within its set.

        Raises:
            ValueError: No layer with a planned kernel has built this bias.
        """
        if self.value is None:
            raise ValueError(
                "`MatchingBias` must be the `bias_initializer` of a layer whose "
                "`kernel_initializer` has an activation, as "
                "**constrained(kernel=..., activation=...) makes it."
            )
        dtype = keras.backend.standardize_dtype(dtype or keras.config.floatx())
        value = ops.cast(ops.full(tuple(shape), np.float32(self.value)), dtype)
        return value if self.set is None else self.set.project(value)

    def at(self, value: float, set: ConstraintSet | None) -> "MatchingBias":
        """This initializer for one layer."""
        copy = MatchingBias(set)
        copy.value = value
        return copy

    def __repr__(self) -> str:
        return f"MatchingBias({'' if self.set is None else repr(self.set)})"

    def get_config(self) -> dict[str, Any]:
        """The set."""
        return {"set": keras.saving.serialize_keras_object(self.set)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "MatchingBias":
        """The initializer that `get_config` was taken from."""
        return cls(keras.saving.deserialize_keras_object(config["set"]))


def _packed(function):
    if function is None or isinstance(function, str):
        return function
    return keras.saving.serialize_keras_object(function)
