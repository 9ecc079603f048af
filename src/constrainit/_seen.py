"""A weight that is computed: the member that a free value stands for."""

import functools
from typing import Any

import keras
from keras import ops

from constrainit._compile import assign_where
from constrainit._set import ConstraintSet
from constrainit._warning import warn
from constrainit.numerics import safe_norm

_FAR = 0.1
"""The share of its norm by which a unit is moved that is far outside."""


def see(variable: Any, free: Any, base: Any, a_set: ConstraintSet, layer: Any) -> None:
    """Computes a weight of a layer from a free value, which is trained where the layer is.

    Args:
        variable: The weight. Keeps its name, and has no value of its own any more.
        free: The variable of the free value.
        base: The variable of the base that the map looks from, None for a map without one.
        a_set: The set of the weight, which has a smooth map.
        layer: The layer that uses the weight.
    """
    smooth = a_set.transform
    assert smooth is not None
    regularizer = variable.regularizer
    if regularizer is not None:
        shape = tuple(variable.shape)
        free.regularizer = lambda v: regularizer(_member(smooth, v, base, shape))
    free.__class__ = _free_class(type(free))
    free.seen, free.layer, free.decays = variable, layer, smooth.linear
    variable.__class__ = _seen_class(type(variable))
    variable.see(free, a_set, base)


def save_what_is_tracked(layer: Any) -> None:
    """Saves the weights that a layer still has; some layers save theirs by name."""
    for method in ("save_own_variables", "load_own_variables"):
        plain = getattr(keras.layers.Layer, method)
        layer.__dict__[method] = functools.partial(plain, layer)


def refuse_adapters(layer: Any, name: str) -> None:
    """Keeps low-rank adapters off a weight that is computed: the sum would leave its set."""
    if name not in ("kernel", "embeddings") or not hasattr(layer, "enable_lora"):
        return

    layer.__dict__["enable_lora"] = functools.partial(_no_adapters, layer.name, name)


def _no_adapters(layer, name, *args, **kwargs):
    raise ValueError(
        f"{layer!r} can not take low-rank adapters: what they add to its {name} would lead out of "
        "the set. Enable them in ci.bake(model), a plain Keras model of the same function."
    )


def trained_of(variable: Any) -> Any:
    """What an optimizer trains: the free value of a weight that is computed, else the weight."""
    return getattr(variable, "free", variable)


def inside(a_set: ConstraintSet, value: Any, path: str) -> Any:
    """A value, or the nearest member if it is none, with a warning.

    Where the map rounds the value stays: it is a free value of its nearest member.
    """
    value, image = ops.stop_gradient(value), a_set.project(value)
    rounds = a_set.transform is not None and a_set.transform.rounds
    moved = ops.cast(image, "float32") - ops.cast(value, "float32")
    try:
        doubt = (_of_rounding if rounds else _of_distance)(value, moved)
    # Being traced, it has no number to compare.
    except (TypeError, ValueError, NotImplementedError):
        doubt = ""
    if doubt:
        warn(f"{path}: the weight is outside of its set ({a_set.describe()}), {doubt}")
    return value if rounds else image


def free_of(a_set: ConstraintSet, value: Any, path: str, begins: bool = True) -> Any:
    """The free value of a weight, or of a member near it if it is none, with a warning.

    A map is flat near the bounds of its set, where the nearest member lies: a unit that was far
    outside would stay there for good. Where training begins it is put a little inside.
    """
    smooth, image = a_set.transform, inside(a_set, value, path)
    assert smooth is not None
    free = smooth.right_inverse(image)
    if smooth.rounds or not begins:
        return free
    value, image = (ops.cast(ops.stop_gradient(one), "float32") for one in (value, image))
    units = a_set._units(len(image.shape))
    far = safe_norm(image - value, units) > _FAR * safe_norm(value, units)
    try:
        if not bool(ops.any(far)):
            return free
    # Being traced, it is not known.
    except (TypeError, ValueError, NotImplementedError):
        pass
    # Where a free value is not one of the unit in its place, all of them count as one.
    far = far if tuple(free.shape) == tuple(image.shape) else ops.any(far)
    return ops.where(far, smooth.start(ops.cast(image, free.dtype)), free)


def _of_distance(value, moved):
    """What to say of a weight whose nearest member takes its place, if it is none."""
    away = float(ops.max(ops.abs(moved)))
    return f"at most {away:.3g} an entry. The nearest member takes its place." if away > 0 else ""


def _of_rounding(value, moved):
    """What to say of a weight of which rounding leaves less than half."""
    value = ops.cast(value, "float32")
    away, size = (float(ops.sqrt(ops.sum(ops.square(one)))) for one in (moved, value))
    if away <= 0.5 * size:
        return ""
    return (
        f"and rounding moves it by {away:.3g}, where its norm is {size:.3g}. Choose a set with "
        "points nearer to it, or wrap a layer that is not built yet, which starts from the set."
    )


def _member(smooth, v, base, shape):
    """The member that a free value stands for, seen from its base if it has one."""
    return smooth.forward(v, shape) if base is None else smooth.around(v, base)


@functools.cache
def _free_class(kind: type) -> Any:
    """The class of variables of a backend, for free values."""

    class Free(kind):
        """A free value. `seen` is the weight that it stands for."""

        @property
        def trainable(self):
            """Not trained either while the layer that uses the weight is frozen."""
            return super().trainable and self.layer.trainable

        @trainable.setter
        def trainable(self, value):
            kind.trainable.fset(self, value)

    return Free


@functools.cache
def _seen_class(kind: type) -> Any:
    """The class of variables of a backend, for weights that are computed."""

    class Seen(kind):
        """A weight that is not stored: the member that a free value stands for."""

        def see(self, free, a_set, base):
            self.free, self.set, self.base, self._now = free, a_set, base, None
            self._trainable, self._constraint, self._regularizer = False, None, None
            self._value = None

        def hold(self, training):
            """Computes the weight, for all that reads it until `release`."""
            if self.base is not None and training:
                self.rebase()
            self._now = self.member()

        def rebase(self):
            """A step of training that has gone far from the base begins from a new one."""
            smooth, base = self.set.transform, self.base
            free = ops.stop_gradient(ops.convert_to_tensor(self.free))
            assign_where(
                smooth.strays(free, base.value), base, lambda: smooth.rebased(free, base.value)
            )

        def release(self):
            self._now = None

        def member(self, value_of=ops.convert_to_tensor):
            """The weight, in the dtype of its storage, of the values of its variables."""
            base = None if self.base is None else value_of(self.base)
            return _member(self.set.transform, value_of(self.free), base, tuple(self.shape))

        @property
        def value(self):
            now = self.member() if self._now is None else self._now
            return self._maybe_autocast(now)

        def assign(self, value):
            """Sets the free value of a member; another weight goes to the nearest one."""
            return self.take(value, self.path)

        def take(self, value, path, begins=False):
            """As `assign`, of a weight that the user knows by a path, or where training begins."""
            value = ops.convert_to_tensor(value, dtype=self._dtype)
            if self.base is None:
                self.free.assign(free_of(self.set, value, path, begins))
            else:
                image = inside(self.set, value, path)
                self.base.assign(self.set.transform.base(image, self.free))
            return value

        def rule(self):
            """What it obeys, and how, in one line."""
            way = "straight through" if self.set.transform.rounds else "through a smooth map"
            return f"{self.set.describe()}, {way}"

        def numpy(self):
            return ops.convert_to_numpy(self.value)

        def __array__(self, dtype=None, copy=None):
            return self.numpy() if dtype is None else self.numpy().astype(dtype)

    return Seen
