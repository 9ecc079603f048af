"""`ConstraintSet`: the contract that every set of allowed weights keeps."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Self

import keras
from keras import ops

from constrainit import _checks, _own_class
from constrainit._compile import exact_products
from constrainit._measure import distances, images, run
from constrainit._precision import (
    STORAGE_DTYPES,
    as_dtype,
    dtype_of,
    smallest_normal,
    tolerance,
    widened,
)
from constrainit._saving import pack, unpack
from constrainit._signatures import Told
from constrainit._starting import Starting
from constrainit._step import takes_image
from constrainit._together import Together
from constrainit.numerics import computed_once, safe_norm
from constrainit.transforms import Transform


class ConstraintSet(Starting, Told, Together, keras.constraints.Constraint):
    """A set of allowed weights, known by its projection.

    A set is a `keras.constraints.Constraint` and goes wherever Keras takes one. It answers five
    questions about a weight tensor: `project`, `violation`, `initializer`, `transform` and
    `describe`.

    What this class does once, for every set: a `keras.Variable` or array becomes a tensor before
    a set sees it; half precision is computed in float32; the result is rounded into the set in
    the storage dtype; a unit that is inside, within `tolerance(dtype)`, comes back bit for bit,
    which also makes every projection idempotent to the bit. A unit that holds a NaN (for sets
    that couple entries also an infinity) has no nearest point and comes back as it came: a NaN is
    never hidden.

    To write a set, subclass and define a constructor that stores its arguments under their own
    names, `_nearest`, `_phrase` and, for a start of its own, `_law`. Subclasses are
    registered with Keras for saving as they are defined.
    """

    convex = True
    """Whether the set is convex: what `Intersection` needs to know."""

    traceable = True
    """Whether `_nearest` is made of `keras.ops` only, so that JAX may compile it. A set is not
    changed once it is made: what was compiled for it would not notice."""

    counterpart_of = ""
    """The Keras constraint that `as_set` made this set from."""

    _by_owner = False

    projects = ""
    """What the projection gives, in a few words, where it is not exactly the nearest member."""

    no_map = ""
    """Why there is no smooth map, in a few words, where there is none."""

    maps = ""
    """What the map is, in a few words, where it is not smooth."""

    maskable = True
    """Whether `_nearest` honours `where`, so that `Masked` can hold the set."""

    paced = False
    """Whether the constraint may leave a weight outside after a step, as `Every` does."""

    may_lack = False
    """Whether the set may have no weight of a shape that `check_shape` allows, see `_lacking`."""

    to_the_bit = False
    """Whether `_holds` compares entries with one another, or with zero for a whole unit, without a
    tolerance. A compiled program must then not compute a weight anew between that and its return,
    which costs a pass over the weights."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _own_class.check_definition(cls)
        if cls.__name__.startswith("_"):
            return
        package = cls.__module__.split(".")[0]
        keras.saving.register_keras_serializable(package=package)(cls)

    # The five faces

    def project(self, w) -> Any:
        """The allowed weight nearest to `w`.

        Args:
            w: Array, tensor or `keras.Variable` of float16, bfloat16, float32 or float64.

        Returns:
            A tensor of the shape and dtype of `w`.

        Raises:
            ValueError: The dtype is not a float, the weight is empty, or the set has no members of
                this shape.
        """
        return run(images, [self], [self._tensor(w)])[0]

    def __call__(self, w) -> Any:
        """`project`, under the name by which Keras calls a constraint."""
        if takes_image(w, self):
            return self._image_into(self._tensor(w))
        return self.project(w)

    def violation(self, w) -> Any:
        """How far outside `w` is: a scalar tensor in the units of `w`, zero for members.

        The largest Euclidean distance of a unit from the set, where a unit is an entry for bounds,
        a vector for norms and sums, a matrix for matrix sets. NaN if `w` holds a NaN or an
        infinity.
        """
        return run(distances, [self], [self._tensor(w)])[0][0]

    @functools.cached_property
    def transform(self) -> Transform | None:
        """The smooth map onto the set, see `Transform`; None where there is none."""
        return self._transform()

    def describe(self) -> str:
        """What the set is, in one line that a person reads."""
        axis = getattr(self, "axis", None)
        along = "" if axis is None or self._by_owner else f" along axis {axis}"
        origin = f" (exact counterpart of {self.counterpart_of})" if self.counterpart_of else ""
        return self._phrase() + along + origin

    # What walkers of a model need

    @property
    def unresolved(self) -> bool:
        """Whether the set waits to be told which axes feed one unit."""
        return getattr(self, "axis", 0) is None

    def resolve(self, axis: tuple[int, ...]) -> "ConstraintSet":
        """This set with `axis=None` replaced by the axes that feed one unit of a layer."""
        if not self.unresolved or not axis:
            return self
        copy = type(self)(**{**self._arguments(), "axis": list(axis)})
        copy._by_owner = True
        return copy

    @property
    def unit_axis(self) -> Any:
        """The `axis` that says what feeds one unit; None if the set has none."""
        return getattr(self, "axis", None)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises ValueError if the set has no members of this shape."""
        rank, axis = len(shape), getattr(self, "axis", None)
        named = [] if axis is None else [axis] if isinstance(axis, int) else axis
        within = all(-rank <= a < rank for a in named)
        if not within or len({a % rank for a in named}) < len(named):
            raise ValueError(
                f"`axis` of `{type(self).__name__}` must name different axes of the weight. "
                f"Received: axis={axis} for a weight of shape {tuple(shape)}."
            )

    # What a set defines

    def _nearest(self, w, dtype: str, where=None) -> Any:
        """The nearest point to a finite `w`, in the dtype of `w`.

        Args:
            w: Tensor of `wide_dtype(dtype)`.
            dtype: Storage dtype: what the result will be rounded to.
            where: Boolean tensor of the shape of `w`; entries outside it are zero and stay zero.
        """
        raise TypeError(f"`{type(self).__name__}` must define `_nearest(w, dtype, where=None)`.")

    def _transform(self) -> Transform | None:
        """The smooth map of `transform`."""
        return None

    def _maps(self) -> Mapping[str, Callable[["ConstraintSet"], Transform]]:
        """The smooth maps that `Mapped` chooses from, by name."""
        return {}

    def _phrase(self) -> str:
        """The line of `describe`, without the axis."""
        return type(self).__name__

    def _units(self, rank: int) -> tuple[int, ...]:
        """The axes of one unit: those of `axis`, or all but the last."""
        axis = getattr(self, "axis", ())
        if axis is None:
            return tuple(range(rank - 1)) if rank > 1 else tuple(range(rank))
        return (axis,) if isinstance(axis, int) else tuple(axis)

    def _holds(self, w, image, dtype: str) -> Any:
        """Whether each unit of `w` is inside, given its nearest point; broadcasts against `w`."""
        units = self._units(len(w.shape))
        entries = 1
        for axis in units:
            entries *= w.shape[axis]
        size = safe_norm(w, units) + smallest_normal(dtype) * entries**0.5
        return safe_norm(w - image, units) <= tolerance(dtype) * size

    def _usable(self, w) -> Any:
        """Which units have a nearest point: the finite ones."""
        units = self._units(len(w.shape))
        finite = ops.isfinite(w)
        return ops.all(finite, axis=units, keepdims=True) if units else finite

    def _lacking(self, w) -> str:
        """What no weight of this shape seems to be, as the projection `w` shows; empty if it may.

        For a set that `may_lack`, of which that can not be known from the shape.
        """
        return ""

    def _outside(self, w, image) -> Any:
        """What of `w` lies outside, entry by entry: its difference from its image."""
        return widened(w) - widened(image)

    def _distance(self, moved) -> Any:
        """The distance of each unit, from the differences of its entries."""
        return safe_norm(moved, self._units(len(moved.shape)))

    # The contract, once

    def _image(self, w) -> Any:
        """The projection of a tensor; a set may say the same in fewer passes over the weights."""
        dtype = dtype_of(w)
        w = computed_once(w) if self.to_the_bit else w
        wide = widened(w)
        usable = self._usable(wide)
        safe = ops.where(usable, wide, ops.ones((), dtype=wide.dtype))
        with exact_products():
            image = self._nearest(safe, dtype)
        stays = ops.logical_or(self._holds(safe, image, dtype), ops.logical_not(usable))
        return ops.where(stays, w, as_dtype(image, dtype))

    def _image_into(self, w) -> Any:
        """The image of a PyTorch tensor that it may be written into, which saves two copies."""
        return self._image(w)

    def _tensor(self, w) -> Any:
        """`w` as a tensor that the set can take."""
        # A Variable is converted first: on JAX several `keras.ops` reject it (Keras 3.15.1).
        # No gradient passes: the graph of a projection would be kept for nothing.
        try:
            w = ops.stop_gradient(ops.convert_to_tensor(w))
        except (TypeError, ValueError) as fault:
            raise _checks.fail(
                type(self).__name__, "w", "be an array, a tensor or a keras.Variable", w
            ) from fault
        dtype = dtype_of(w)
        if dtype not in STORAGE_DTYPES:
            raise ValueError(
                f"`w` of `{type(self).__name__}` must be of a float dtype "
                f"({', '.join(STORAGE_DTYPES)}). Received: dtype={dtype}."
            )
        _checks.not_empty(type(self).__name__, "w", tuple(w.shape))
        self.check_shape(tuple(w.shape))
        return w

    # Equal by value: what was compiled for one set serves its equals

    @functools.cached_property
    def _key(self) -> tuple[type, str]:
        return type(self), repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConstraintSet) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    # Saving: exactly the arguments of the constructor

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as plain Python that JSON can hold."""
        return {name: pack(value) for name, value in self._arguments().items()}

    def _arguments(self) -> dict[str, Any]:
        return _own_class.arguments(self)

    def _once_made(self) -> None:
        _own_class.check_made(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The set that `get_config` was taken from."""
        return cls(**{name: unpack(value) for name, value in config.items()})

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._arguments().items())
        return f"{type(self).__name__}({shown})"
