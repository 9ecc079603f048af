"""The only code that walks a Keras model: which weight, which layer, which axes, which set."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from constrainit._axes import resolve, unit_axes
from constrainit._came import came
from constrainit._joint import Member
from constrainit._patterns import ends_as, most_like, nearest
from constrainit._set import ConstraintSet
from constrainit.sets import as_set

STARTS = {"bias": "zeros", "beta": "zeros", "alpha": "zeros", "gamma": "ones"}
"""Where Keras starts a weight that is no kernel, by the name of its argument."""

_ARGUMENTS = {
    "recurrent_kernel": "recurrent",
    "depthwise_kernel": "depthwise",
    "pointwise_kernel": "pointwise",
}


def argument_of(name: str) -> str:
    """A layer's argument without its suffix, as that or as the weight is called."""
    return _ARGUMENTS.get(name, name)


_SHOWN = 6
"""Paths that an error lists."""


@dataclass(frozen=True)
class WeightRecord:
    """One weight of a model and what is known about it.

    Attributes:
        path: The variable's path, unique in most models.
        place: The names of the layers from the model down to the weight.
        layer: The layer that owns it.
        variable: The `keras.Variable`.
        axes: The axes that feed one unit of the layer, or None if they are not known.
    """

    path: str
    place: str
    layer: keras.layers.Layer
    variable: Any
    axes: tuple[int, ...] | None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weight."""
        return tuple(self.variable.shape)

    @property
    def dtype(self) -> str:
        """The storage dtype of the weight."""
        return keras.backend.standardize_dtype(self.variable.dtype)

    @property
    def constraint(self) -> Any:
        """What Keras would call after an optimizer step, or None."""
        return getattr(self.variable, "constraint", None)

    @property
    def argument(self) -> str:
        """The layer's argument for this weight, without its suffix: `recurrent`, `kernel`."""
        name: str = self.variable.name
        depthwise = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
        if name == "kernel" and isinstance(self.layer, depthwise):
            return "depthwise"
        return argument_of(name)

    @property
    def value(self) -> Any:
        """The weight as a tensor."""
        return ops.convert_to_tensor(self.variable)

    def assign(self, value: Any) -> None:
        """Gives the weight a value."""
        self.variable.assign(value)

    def resolved(self, constraint: Any) -> ConstraintSet:
        """`constraint` as a set for this weight.

        Raises:
            ValueError: It is no constraint, its axes can not be resolved, or it does not fit.
        """
        return resolve(as_set(constraint), self.layer, self.variable.name, self.shape, self.path)


@dataclass(frozen=True)
class GroupRecord(WeightRecord):
    """The weights of a `Joint` as one; `variable` is their group."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of their matrix."""
        return tuple(self.value.shape)

    @property
    def dtype(self) -> str:
        """Their storage dtype."""
        return keras.backend.standardize_dtype(self.value.dtype)

    @property
    def constraint(self) -> Any:
        """The set of their matrix."""
        return self.variable.set

    @property
    def value(self) -> Any:
        """Their matrix."""
        return self.variable.value()

    def resolved(self, constraint: Any) -> ConstraintSet:
        """The set of the matrix, which knows its axes.

        Raises:
            ValueError: It does not fit the matrix.
        """
        self.variable.check_shape()
        return constraint


def matches(record: WeightRecord, pattern: str) -> bool:
    """Whether a glob pattern is that of a weight's path, of its place, or of the end of either."""
    return ends_as(record.path, pattern) or ends_as(record.place, pattern)


def matching(
    owner: str, records: list[WeightRecord], pattern: Any, argument: str = ""
) -> list[WeightRecord]:
    """The records that a pattern matches, which `argument` of the public `owner` was given.

    Raises:
        ValueError: It is no string, or matches none.
    """
    where = f"`{argument}` of `{owner}`" if argument else f"`{owner}`"
    if not isinstance(pattern, str):
        hint = " Write an entry for each." if isinstance(pattern, tuple) else ""
        raise ValueError(f"A pattern of {where} must be a string. Received: {came(pattern)}.{hint}")
    found = [record for record in records if matches(record, pattern)]
    if not found:
        raise ValueError(
            f"A pattern of {where} must match a weight. Received: {pattern!r}. "
            f"{_paths_like(pattern, records)}{_written(_patterns_like(pattern, records))}"
        )
    return found


def _paths_like(pattern, records):
    """The paths of a model in its order; of many those that are most like a pattern."""
    paths = list(dict.fromkeys(record.path for record in records))
    shown = paths
    if len(paths) > _SHOWN:
        near = most_like(pattern, paths, 0.3)[:_SHOWN]
        shown = [path for path in paths if path in near] or paths[:_SHOWN]
    more = f", and {len(paths) - len(shown)} more" if len(paths) > len(shown) else ""
    return f"Paths of this model: {', '.join(map(repr, shown))}{more}."


def _patterns_like(pattern, records):
    """Patterns that match: of the layer that one names, or of what it is a misspelling of."""
    inside = [record.variable.name for record in records if matches(record, f"{pattern}/*")]
    if inside:
        first = min(inside, key="kernel".__ne__)
        return [f"{pattern}/{first}", f"{pattern}/*"][: len(inside)]
    if any(matches(record, f"{pattern}_*/*") for record in records):
        return [f"{pattern}_*/*"]
    places = [place for record in records for place in (record.path, record.place)]
    like = nearest(pattern, places) or nearest(f"{pattern}/*", places)
    return [like] if like else []


def _written(patterns):
    return f" Write {' or '.join(map(repr, patterns))}." if patterns else ""


def is_built(model: keras.layers.Layer) -> bool:
    """Whether a model has its weights; to Keras a subclassed one is built before its layers.

    One that consists of built parts only, as of a generator and a critic, need not be called.
    """
    inner = model._flatten_layers(include_self=False)
    whole = all(layer.built for layer in inner)
    parts = whole and bool(model.variables) and type(model).build is keras.Model.build
    return parts or (model.built and (bool(model.variables) or whole))


def check_built(model: Any, owner: str = "") -> None:
    """Raises ValueError: `model` is no Keras model or layer, or is not built."""
    its = f" of `{owner}`" if owner else ""
    if not isinstance(model, keras.layers.Layer):
        raise ValueError(
            f"`model`{its} must be a Keras model or layer. Received: model={came(model)}."
        )
    if not is_built(model):
        raise ValueError(unbuilt(model, owner))


def unbuilt(model: keras.layers.Layer, owner: str = "") -> str:
    """What is said of a model that is not built to the public `owner`, and what to write."""
    its = f" of `{owner}`" if owner else ""
    return (
        f"`model`{its} must be built: {model.name!r} has no weights yet. Call it once on a batch, "
        "`model(x)`, call `model.build(input_shape)`, or begin with `keras.Input(shape)`."
    )


def walk(model: keras.Model) -> list[WeightRecord]:
    """A record for every weight of a model, shared layers once.

    Raises:
        ValueError: `model` is no Keras model or layer, or is not built.
    """
    check_built(model)
    records: dict[int, WeightRecord] = {}
    for layer, place in _layers(model, ""):
        for variable in layer._trainable_variables + layer._non_trainable_variables:
            # A wrapper, such as `SpectralNormalization`, also holds the weight of another layer.
            known = records.get(id(variable))
            maker = variable.path == f"{layer.path}/{variable.name}"
            if known is None or (maker and known.layer is not layer):
                axes = unit_axes(layer, variable.name, tuple(variable.shape))
                inside = f"{place}/{variable.name}".lstrip("/")
                records[id(variable)] = WeightRecord(variable.path, inside, layer, variable, axes)
    return list(records.values())


def _layers(layer: Any, place: str) -> Iterator[tuple[Any, str]]:
    yield layer, place
    for inner in layer._layers:
        yield from _layers(inner, f"{place}/{inner.name}".lstrip("/"))


def constrained_records(model: keras.Model) -> list[WeightRecord]:
    """The records of the weights that have a constraint, those of a `Joint` as one."""
    records: dict[int, WeightRecord] = {}
    for record in walk(model):
        if isinstance(record.constraint, Member):
            group = record.constraint.group
            one = GroupRecord(group.path, record.place, record.layer, group, None)
            records.setdefault(id(group), one)
        elif record.constraint is not None:
            records[id(record.variable)] = record
    return list(records.values())


def wrong_axes(record: WeightRecord) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The axes that a constraint works along and those that feed a unit, where they differ.

    Axes of a single entry make no difference: a depthwise kernel `(channels, 1, in, depth)` has a
    unit along the first axis alone.
    """
    used, rank = axes_in_use(record), len(record.shape)
    # A bias of a GRU has two rows, neither of which feeds a unit alone.
    if used is None or rank < 2 or record.axes is None or record.argument == "bias":
        return None
    right = _axes_of(record.axes, rank)
    a_set = record.resolved(record.constraint)
    wide = {axis for axis, size in enumerate(record.shape) if size > 1}
    # Of a unit of one entry a sphere leaves the sign: its norm can not be what is meant.
    only_signs = not wide & set(right) and not a_set.convex
    return None if only_signs or wide & set(used) == wide & set(right) else (used, right)


def axes_in_use(record: WeightRecord) -> tuple[int, ...] | None:
    """The axes that the sums or norms of a constraint run along; None if it has none, or no set."""
    try:
        a_set = record.resolved(record.constraint)
    except ValueError:
        return None
    return None if a_set.unit_axis is None else _axes_of(a_set.unit_axis, len(record.shape))


def _axes_of(axis, rank):
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    return tuple(sorted(one % rank for one in axes))
