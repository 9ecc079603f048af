"""Along which axes a constraint works: seen from what it gives, or as they were given."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np

from constrainit.doctor._constraint_calls import another, called
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord
from constrainit.sets import MaxNorm, NormRange

_FAR = 100.0
_SAME = 1e-3
_EXACT = 1e-5
_MOST = 1_000_000
_MOSTLY = 0.9
_OF_NORMS = (MaxNorm, NormRange)
_MOST_OF_MATRIX = 200_000
_CLOSE = 0.02
"""By how much two spectral norms may differ that a power iteration gives."""

_TURNS = 40

_BESIDE = 1.5
"""A norm that is so many times as large as the bound is no matter of rounding or of a step."""

_CONVOLVES = (
    keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose, keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D, keras.layers.SeparableConv1D, keras.layers.SeparableConv2D,
)  # fmt: skip


def axes_of_norms(made: Any) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    """Along which axes it takes norms: those without a meaning, and those beside a unit's.

    Args:
        made: What is known of a constrained weight.
    """
    record = made.record
    if made.fault is not None or made.image is None or record.axes is None:
        return None, None
    axes = norm_axes(record, lambda value: called(record, value))
    wide, own = ([a for a in of or () if record.shape[a] > 1] for of in (axes, record.axes))
    if axes is None or wide == own:
        return None, None
    return (None, tuple(wide)) if are_meant(record, axes) else (tuple(wide), None)


def axes_of_start(made: Any) -> tuple[int, int] | None:
    """The axis whose sums, or norms, a constraint makes alike, and that along which they are so.

    None unless the start has, along another axis, exactly the sums or norms that the constraint of
    the user's own gives along its own: then what is meant holds as the weight starts.

    Args:
        made: What is known of a constrained weight.
    """
    record = made.record
    if made.fault is not None or made.image is None or not made.custom or not made.violation > 0:
        return None
    start = to_numpy(record.variable).astype("float64")
    if start.size > _MOST:
        return None
    # Of a start that is the same everywhere, all sums are alike.
    image = called(record, np.random.default_rng(0).uniform(0.5, 1.5, start.shape))
    wide = [axis for axis, size in enumerate(start.shape) if size > 1]
    if image is None or image.shape != start.shape:
        return None
    for power in (1, 2):
        sums = [(np.sum(image**power, a), np.sum(start**power, a)) for a in wide]
        own = [
            (float(np.mean(given)), axis) for axis, (given, had) in zip(wide, sums, strict=True)
            if np.ptp(given) <= _SAME and not np.allclose(had, np.mean(given), rtol=_SAME)
        ]  # fmt: skip
        for total, axis in own if len(own) == 1 and abs(own[0][0]) > _SAME else ():
            for other, (_, had) in zip(wide, sums, strict=True):
                if other != axis and np.allclose(had, total, rtol=_EXACT, atol=0):
                    return axis, other
    return None


def norm_axes(
    record: WeightRecord, image: Callable[[np.ndarray], np.ndarray | None]
) -> tuple[int, ...] | None:
    """The axes along which a constraint scales all entries alike, by a factor that is their own.

    None if scaling is not what it does to weights far outside, if it scales the whole weight, or
    if the weight is so large that asking is dear.

    Args:
        record: The weight.
        image: What the constraint makes of a value, None where it fails.
    """
    if len(record.shape) < 2 or np.prod(record.shape) > _MOST:
        return None
    draws = np.random.default_rng(0)
    factors = []
    for size in (_FAR, 3 * _FAR):
        value = size * draws.normal(size=record.shape)
        found = image(value)
        if found is None:
            return None
        factors.append(found / value)
    along = [_scaled_alike(factor) for factor in factors]
    wide = [axis for axis, size in enumerate(record.shape) if size > 1]
    # A mask scales alike, too, but by the same factors whatever it is given.
    fixed = np.allclose(factors[0], factors[1], rtol=_SAME)
    if along[0] != along[1] or fixed or set(wide) <= set(along[0]):
        return None
    # Along axes of a single entry everything is scaled alike: a clip has no axes.
    if not set(wide) & set(along[0]):
        return None
    return along[0]


def spectral_axes(made: Any) -> tuple[tuple[int, ...], tuple[float, float]] | None:
    """The rows of the matrix whose spectral norm a constraint gives the kernel of a convolution.

    None where these are the axes that feed a unit, the norm is of another kind, or the kernel is so
    large that asking is dear. Else those axes, and the norms of that matrix and of the units' own.

    Args:
        made: What is known of a constrained weight.
    """
    record = made.record
    if made.fault is not None or made.image is None or not isinstance(record.layer, _CONVOLVES):
        return None
    if record.axes is None or len(record.shape) < 3 or np.prod(record.shape) > _MOST_OF_MATRIX:
        return None
    values = _with_unequal_rows(record)
    images = [called(record, _FAR * value) for value in values]
    if any(image is None or len(_scaled_alike(image / value)) < image.ndim
           for image, value in zip(images, values, strict=True)):  # fmt: skip
        return None
    along, own = ([_spectral(image, axes) for image in images] for axes in ((0,), record.axes))
    if not np.ptp(along) <= _CLOSE * along[0] or np.ptp(own) <= _CLOSE * own[0]:
        return None
    start = called(record, to_numpy(record.variable))
    return (
        None if start is None else ((0,), (float(along[0]), float(_spectral(start, record.axes))))
    )


def _with_unequal_rows(record):
    """Two kernels whose spectral norm a few turns tell; all filters of the second are alike."""
    draws, scales = np.random.default_rng(0), 4.0 ** np.minimum(np.arange(record.shape[0]), 5)
    scales = scales.reshape(-1, *[1] * (len(record.shape) - 1))
    first, second = (scales * draws.normal(size=record.shape) for _ in range(2))
    return first, np.broadcast_to(second[..., :1], record.shape)


def settled_norm(made: Any) -> float | None:
    """The spectral norm that a constraint gives a kernel in the end, to a tenth; None if it varies.

    Args:
        made: What is known of a constrained weight.
    """
    record, norms = made.record, []
    axes = made.axes if made.unfolded else record.axes
    for value in _with_unequal_rows(record):
        value = _FAR * value
        for _ in range(_TURNS):
            value = called(record, value)
            if value is None:
                return None
        norms.append(_spectral(value, axes))
    bound = round(float(np.mean(norms)), 1)
    return bound if bound and np.abs(np.subtract(norms, bound)).max() <= _CLOSE * bound else None


def _spectral(value, axes):
    """The largest singular value of the matrix that has the given axes as rows."""
    rows = np.moveaxis(value, axes, range(len(axes)))
    return np.linalg.norm(rows.reshape(np.prod([value.shape[a] for a in axes]), -1), 2)


def _scaled_alike(factor):
    """The axes along which a factor is the same, those of a single entry among them."""
    if not np.isfinite(factor).all() or not (factor > 0).all():
        return ()
    return tuple(
        axis
        for axis in range(factor.ndim)
        if np.allclose(factor, np.take(factor, [0], axis=axis), rtol=_SAME)
    )


def are_meant(record: WeightRecord, axes: tuple[int, ...]) -> bool:
    """Whether norms along these axes mean something for a weight: not only those of its units.

    A matrix has rows and columns, and a filter its part for one channel.
    """
    if record.axes is None or len(record.shape) < 2:
        return True
    narrow = {axis for axis, size in enumerate(record.shape) if size == 1}
    units = [set(record.axes)]
    if isinstance(record.layer, _CONVOLVES):
        units.append(set(range(len(record.shape) - 2)))
    elif len(record.shape) == 2 and not isinstance(record.layer, keras.layers.Embedding):
        return True
    return any(set(axes) - narrow == unit - narrow for unit in units)


def is_of_one_channel(record: WeightRecord, axes: tuple[int, ...]) -> bool:
    """Whether axes are those of the part of a filter for one channel, or of a smaller one."""
    return isinstance(record.layer, _CONVOLVES) and max(axes) < len(record.shape) - 2


def units_bound(made: Any) -> tuple[int, ...]:
    """The units of a `Dense` kernel that alone a constraint binds, all of their weights alike.

    Empty where it binds most units, or others in part, or only sets weights to fixed values, as a
    mask does that prunes units.

    Args:
        made: What is known of a constrained weight.
    """
    record = made.record
    if made.fault is not None or made.image is None:
        return ()
    if type(record.layer) is not keras.layers.Dense or record.argument != "kernel":
        return ()
    inputs, units = record.shape
    if inputs < 2 or units < 2 or inputs * units > _MOST:
        return ()
    draws, moved, images = np.random.default_rng(0), np.zeros(record.shape, bool), []
    bound = np.array([], int)
    for size in (_FAR, -_FAR, 1.0, -1.0):
        value = size * draws.uniform(0.5, 1.0, record.shape)
        found = called(record, value)
        if found is None:
            return ()
        images.append(found)
        moved |= np.abs(found - value) > _SAME * np.abs(value)
        bound = np.flatnonzero(moved.any(axis=0))
        if 2 * len(bound) > units:
            return ()
    if not len(bound):
        return ()
    fixed = np.ptp([image[:, bound] for image in images], axis=0).max() == 0
    whole = moved[:, bound].mean() > _MOSTLY
    return tuple(int(unit) for unit in bound) if whole and not fixed else ()


def bounds_of_entries(made: Any) -> tuple[float, float] | None:
    """The norms that a constraint allows a vector, where its entries themselves are between them.

    Of norms up to a bound the entries may have both signs. None where the vector is not far outside
    as it starts.

    Args:
        made: What is known of a constrained weight.
    """
    record, start = made.record, made.start
    try:
        a_set = record.resolved(record.constraint)
    except ValueError:
        return None
    if len(record.shape) != 1 or record.shape == (1,) or not isinstance(a_set, _OF_NORMS):
        return None
    lower, upper = a_set._range()
    lower = lower or -upper
    within = lower <= start.minimum and start.maximum <= upper
    return (lower, upper) if within and start.norm > _BESIDE * upper else None


def given_axes(record: WeightRecord) -> tuple[int, ...] | None:
    """The axes that were given to the constraint of a weight; None if none were, or all are."""
    rank = len(record.shape)
    given = axes_in(getattr(record.constraint, "axis", None), rank)
    return given if given and len(given) < rank else None


def axes_in(value: Any, rank: int) -> tuple[int, ...] | None:
    """The axes that an argument names, from 0 and in order; None if it names none of so many."""
    axes = [value] if isinstance(value, int) else value
    if not isinstance(axes, Iterable) or isinstance(axes, str):
        return None
    axes = list(axes)
    if not all(isinstance(one, int) and -rank <= one < rank for one in axes):
        return None
    return tuple(sorted({one % rank for one in axes}))


def along(constraint: Any, axes: tuple[int, ...]) -> Any:
    """A constraint of the same kind that works along other axes."""
    written = axes[0] if isinstance(constraint.axis, int) else type(constraint.axis)(axes)
    return another(constraint, "axis", written)
