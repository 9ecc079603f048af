"""The only code that walks a Keras model: which weight, which layer, which axes, which set."""

import difflib
import fnmatch
import math
import uuid
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import keras
from keras import ops

from constrainit._axes import resolve, unit_axes
from constrainit._set import ConstraintSet, measure
from constrainit.initializers import Feasible
from constrainit.sets import Custom, as_set

_STARTS = {"bias": "zeros", "beta": "zeros", "alpha": "zeros", "gamma": "ones"}
_ARGUMENTS = {
    "recurrent_kernel": "recurrent",
    "depthwise_kernel": "depthwise",
    "pointwise_kernel": "pointwise",
}


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
        return _ARGUMENTS.get(name) or name

    def resolved(self, constraint: Any) -> ConstraintSet:
        """`constraint` as a set for this weight.

        Raises:
            ValueError: It is no constraint, its axes can not be resolved, or it does not fit.
        """
        return resolve(as_set(constraint), self.layer, self.variable.name, self.shape, self.path)


def walk(model: keras.Model) -> list[WeightRecord]:
    """A record for every weight of a model, shared layers once.

    Raises:
        ValueError: `model` is no Keras model or layer, or is not built.
    """
    if not isinstance(model, keras.layers.Layer):
        raise ValueError(f"`model` must be a Keras model or layer. Received: model={model!r}.")
    if not model.built:
        raise ValueError(
            f"`model` must be built: {model.name!r} has no weights yet. Call it once on a batch, "
            "`model(x)`, call `model.build(input_shape)`, or begin with `keras.Input(shape)`."
        )
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
    """The records of the weights that have a constraint."""
    return [record for record in walk(model) if record.constraint is not None]


def constrained(**sets: Any) -> dict[str, Any]:
    """The keyword arguments that give a layer a constraint and a start inside it, together.

    `Dense(64, **constrained(kernel=NonNegative(), bias=Box(-1, 1)))` is `Dense` with
    `kernel_constraint`, `kernel_initializer`, `bias_constraint` and `bias_initializer`. Kernels
    start from the set's own law; a bias, `beta` or `alpha` as near to zero, a `gamma` as near to
    one as its set allows, as in Keras.

    Args:
        **sets: Sets, or anything that `as_set` takes, under the names of the layer's arguments
            without the suffix: `kernel`, `bias`, `recurrent`, `depthwise`, `pointwise`,
            `embeddings`, `gamma`, `beta`, `alpha`.

    Returns:
        A dictionary for `**`. Use one dictionary for one layer: layers that share an initializer
        of the same shape start with the same weights.

    Raises:
        ValueError: A name carries its suffix, or a value is no constraint.
    """
    arguments: dict[str, Any] = {}
    for name, value in sets.items():
        for suffix in ("_constraint", "_initializer", "_kernel"):
            if name.endswith(suffix):
                raise ValueError(
                    f"`constrained` takes the layer's argument without its suffix. Received: "
                    f"{name}={value!r}. Write {name.removesuffix(suffix)}=... instead."
                )
        a_set = as_set(value)
        arguments[f"{name}_constraint"] = a_set
        arguments[f"{name}_initializer"] = Feasible(a_set, base=_STARTS.get(name))
    return arguments


def constrain(model: keras.Model, sets: Mapping[str, Any]) -> dict[str, ConstraintSet]:
    """Constrains any weights of a built model, whoever wrote it.

    The weights stay as they are; `prepare` or `project` brings them inside. A model that is
    compiled obeys from its next step on. Keras saves the constraint where the layer has an
    argument for it; where it has none a warning says so.

    Args:
        model: A built Keras model or layer.
        sets: From glob patterns to sets (or anything that `as_set` takes; None removes a
            constraint). A pattern matches a weight's path, its place in the model, or the end of
            either: `"encoder/*/kernel"`, `"*/recurrent_kernel"`, `"head/kernel"`. Where several
            match, the last one counts.

    Returns:
        The sets by the path of the weight, with their axes resolved.

    Raises:
        ValueError: A pattern matches no weight, or a set does not fit one; nothing is changed.
    """
    if not isinstance(sets, Mapping) or not sets:
        raise ValueError(
            f"`sets` of `constrain` must map patterns to sets. Received: sets={sets!r}. "
            'Write {"*/kernel": UnitNorm()}.'
        )
    records = walk(model)
    chosen: dict[int, tuple[WeightRecord, Any, ConstraintSet | None]] = {}
    for pattern, value in sets.items():
        for record in _matching(records, pattern):
            wanted = None if value is None else as_set(value)
            chosen[id(record.variable)] = (
                record, wanted, None if wanted is None else record.resolved(wanted)
            )  # fmt: skip
    lost = _unsaved(model, [record for record, _, _ in chosen.values()])
    for record, wanted, resolved in chosen.values():
        record.variable.constraint = resolved
        if hasattr(record.layer, f"{record.argument}_constraint"):
            setattr(record.layer, f"{record.argument}_constraint", wanted)
    if getattr(model, "train_function", None) is not None:
        model.make_train_function(force=True)
    if lost:
        warnings.warn(
            f"Keras can not save the constraint of {', '.join(map(repr, lost))}: the layer has no "
            "argument for it, or its config leaves it out. Call `constrain` again after loading.",
            stacklevel=2,
        )
    return {record.path: resolved for record, _, resolved in chosen.values() if resolved}


def _matching(records, pattern):
    found = [r for r in records if any(fnmatch.fnmatchcase(n, pattern) for n in _names(r))]
    if not found:
        paths = sorted(record.path for record in records)
        near = difflib.get_close_matches(pattern, paths, n=3, cutoff=0.3) or paths[:5]
        raise ValueError(
            f"A pattern of `constrain` must match a weight. Received: {pattern!r}. "
            f"Paths of this model: {', '.join(map(repr, near))}"
            + (f", and {len(paths) - len(near)} more." if len(paths) > len(near) else ".")
        )
    return found


def _names(record):
    for full in (record.path, record.place):
        parts = full.split("/")
        yield from ("/".join(parts[start:]) for start in range(len(parts)))


class _Marker(keras.constraints.Constraint):
    """Put in a layer for a moment to see whether the model's config would save it."""

    def __init__(self, token: str):
        self.token = token

    def get_config(self):
        return {"token": self.token}


def _unsaved(model, records):
    """The paths of the weights whose constraint the config of the model would not hold."""
    marked, lost = [], []
    for record in records:
        attribute = f"{record.argument}_constraint"
        if hasattr(record.layer, attribute):
            marked.append((record, attribute, getattr(record.layer, attribute), uuid.uuid4().hex))
        else:
            lost.append(record.path)
    try:
        for record, attribute, _, token in marked:
            setattr(record.layer, attribute, _Marker(token))
        config = str(model.get_config())
    except NotImplementedError:
        config = ""
    finally:
        for record, attribute, before, _ in marked:
            setattr(record.layer, attribute, before)
    return lost + [record.path for record, _, _, token in marked if token not in config]


def wrong_axes(record: WeightRecord) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The axes that a constraint works along and those that feed a unit, where they differ."""
    try:
        a_set = record.resolved(record.constraint)
    except ValueError:
        return None
    rank = len(record.shape)
    if rank < 2 or record.axes is None or a_set.unit_axis is None:
        return None
    used = tuple(sorted(axis % rank for axis in _as_tuple(a_set.unit_axis)))
    return None if used == tuple(sorted(record.axes)) else (used, tuple(sorted(record.axes)))


def _as_tuple(axis):
    return (axis,) if isinstance(axis, int) else tuple(axis)


@dataclass(frozen=True)
class CheckRow:
    """What `check` found out about one constrained weight.

    Attributes:
        weight: The path of the variable.
        set: The set in one line.
        shape: The shape of the weight.
        dtype: Its storage dtype.
        violation: Its distance from the set, in the units of the weight; None if it has none.
        finite: Whether every entry is finite.
        axis: Empty if the constraint works along the axes that feed one unit, else what differs.
        error: What the constraint raised on a copy of the weight, or an empty string.
    """

    weight: str
    set: str
    shape: tuple[int, ...]
    dtype: str
    violation: float | None
    finite: bool
    axis: str
    error: str

    @property
    def ok(self) -> bool:
        """Whether the weight is finite and inside, along the right axes."""
        return self.finite and not self.error and not self.axis and self.violation == 0


@dataclass(frozen=True)
class Check:
    """The table that `check` returns: iterate over `rows`, print it, or take `to_dict()`."""

    rows: tuple[CheckRow, ...]

    @property
    def ok(self) -> bool:
        """Whether every row is."""
        return all(row.ok for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """The table as plain Python that JSON can hold."""
        rows = [{**asdict(row), "shape": list(row.shape), "ok": row.ok} for row in self.rows]
        return {"ok": self.ok, "rows": rows}

    def __str__(self) -> str:
        from constrainit._text import table

        if not self.rows:
            return "no weight of the model has a constraint"
        lines = []
        for row in self.rows:
            outside = "unknown" if row.violation is None else f"{row.violation:.3g}"
            faults = [row.error, row.axis, "" if row.finite else "not finite"]
            verdict = "; ".join(fault for fault in faults if fault) or (
                "ok" if row.ok else "outside"
            )
            lines.append((row.weight, "x".join(map(str, row.shape)), row.set, outside, verdict))
        return table(("weight", "shape", "set", "outside by", "verdict"), lines)


def check(model: keras.Model) -> Check:
    """Whether each constrained weight of a model obeys, found without changing anything.

    Args:
        model: A built Keras model or layer.
    """
    return Check(tuple(_check_row(record) for record in constrained_records(model)))


def _check_row(record):
    value = ops.convert_to_tensor(record.variable)
    text, violation, error = type(record.constraint).__name__, None, ""
    # A constraint of the user's own may raise anything; the table has to show what.
    try:
        a_set = record.resolved(record.constraint)
        text = a_set.describe()
        outside = measure([a_set], [value])[0][0]
        violation = outside if math.isfinite(outside) else None
    except Exception as fault:
        error = f"{type(fault).__name__}: {fault}"
    axes = None if error else wrong_axes(record)
    axis = f"works along {axes[0]}, a unit is fed along {axes[1]}" if axes else ""
    finite = bool(ops.all(ops.isfinite(value)))
    return CheckRow(record.path, text, record.shape, record.dtype, violation, finite, axis, error)


def _measured(model):
    """Each constrained weight with its set, how far outside it is, and its image."""
    records = constrained_records(model)
    sets = [record.resolved(record.constraint) for record in records]
    try:
        pairs = measure(sets, [record.variable for record in records])
    # A user's constraint may raise anything; one by one, to name the weight.
    except Exception:
        for record, a_set in zip(records, sets, strict=True):
            _measured_alone(record, a_set)
        raise
    return [(r, s, *pair) for r, s, pair in zip(records, sets, pairs, strict=True)]


def _measured_alone(record, a_set):
    try:
        measure([a_set], [record.variable])
    except Exception as fault:
        raise ValueError(
            f"The constraint of {record.path!r} can not be applied: {type(fault).__name__}: {fault}"
        ) from fault


def project(model: keras.Model) -> dict[str, float]:
    """Moves every constrained weight to the nearest allowed one.

    For use after loading, averaging, or steps of a foreign optimizer. Weights that are inside stay
    as they are, bit for bit.

    Args:
        model: A built Keras model or layer.

    Returns:
        For each weight that moved, by path: how far outside it was.

    Raises:
        ValueError: A constraint can not be applied to its weight; no weight is changed.
    """
    moves = []
    for record, _, distance, image in _measured(model):
        if distance != 0:
            moves.append((record, image, distance))
    for record, value, _ in moves:
        record.variable.assign(value)
    return {record.path: distance for record, _, distance in moves}


@dataclass(frozen=True)
class Redrawn:
    """A weight that `prepare` changed.

    Attributes:
        weight: The path of the variable.
        set: Its set in one line.
        violation: How far outside it was, in the units of the weight.
        how: `"drawn"` from the set's own law, or `"projected"` by a constraint of the user's own.
    """

    weight: str
    set: str
    violation: float
    how: str

    def __str__(self) -> str:
        return f"{self.weight}: was outside by {self.violation:.3g} ({self.set}), now {self.how}"


def prepare(model: keras.Model, seed: int | None = None) -> list[Redrawn]:
    """Gives every weight that starts outside its set a new start, from the set's own law.

    For a model that has not been trained: what is outside loses its values. What is inside stays
    bit for bit. A constraint of the user's own has no law; its weights are projected by it.

    Args:
        model: A built Keras model or layer.
        seed: None, or an integer for reproducible draws.

    Returns:
        What was changed, in the order of the weights.

    Raises:
        ValueError: A constraint can not be applied to its weight; no weight is changed.
    """
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise ValueError(
            f"`seed` of `prepare` must be None or an integer. Received: seed={seed!r}."
        )
    changes = []
    for index, (record, a_set, distance, image) in enumerate(_measured(model)):
        if distance == 0:
            continue
        if isinstance(a_set, Custom):
            how, value = "projected", image
        else:
            draw = Feasible(
                a_set, None if seed is None else seed + index, _STARTS.get(record.variable.name)
            )
            how, value = "drawn", draw(record.shape, record.dtype)
        changes.append((record, value, Redrawn(record.path, a_set.describe(), distance, how)))
    for record, value, _ in changes:
        record.variable.assign(value)
    return [redrawn for _, _, redrawn in changes]
