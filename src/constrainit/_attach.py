"""The one place where Keras is extended: a set learns whose weight it constrains, and the step.

Keras hands a constraint nothing but the variable, and that only after the first optimizer step, so
`UnitNorm()` could not tell the kernel of a convolution from that of a transposed one. A wrapper
around `Layer.add_weight` resolves `axis=None` from the layer and checks the shape while the layer
is being built. Calls that involve no `ConstraintSet` pass through untouched. A wrapper around
`Layer.__init__` says which weights a layer has where a set is for none of them. A wrapper around
`Optimizer.apply` tells constraints which optimizer calls them, see `_step.py`; wrappers around
what it does with moving averages keep those inside, see `_average.py`.
"""

import functools
from typing import Any

import keras

from constrainit import _checks
from constrainit._average import ending_inside, of_members
from constrainit._axes import RECURRENT, resolve, unit_axes
from constrainit._gates import warn_if_cut_across
from constrainit._idle import warn_if_idle
from constrainit._joint import Joint, act, group_of
from constrainit._measure import lacking
from constrainit._seen import trained_of
from constrainit._set import ConstraintSet
from constrainit._step import telling
from constrainit._taken import SUFFIX, not_taken
from constrainit._warning import warn
from constrainit._words import with_article
from constrainit.initializers import Feasible, MatchingBias
from constrainit.initializers._start import warn_if_far
from constrainit.layers import OutputScale
from constrainit.sets import SelfStarting

_MARK = "__constrainit__"
_START = "_constrainit_start"
_TOLD = "_constrainit_told"
_SWITCHES = (
    ("bias", "use_bias", False), ("bias", "bias_axes", None), ("gamma", "scale", False),
    ("beta", "center", False),
)  # fmt: skip
"""The arguments by which a layer is made without a weight."""


def _knows_its_layer(add_weight):
    @functools.wraps(add_weight)
    def wrapper(self: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        a_set = kwargs.get("constraint")
        initializer: Any = args[1] if len(args) > 1 else kwargs.get("initializer")
        shape = args[0] if args else kwargs.get("shape")
        if shape is not None and not isinstance(shape, (int, str)):
            where = (self, kwargs.get("name") or "", tuple(shape), _path(self, kwargs.get("name")))
            _warn_of_idle(self)
            resolved = _at_home(initializer, where)
            if isinstance(a_set, ConstraintSet):
                kwargs["constraint"] = a_set = resolve(a_set, *where)
                warn_if_idle(a_set, where[2], where[3])
                warn_if_cut_across(a_set, self, where[2], where[3])
            if isinstance(a_set, Joint):
                return _joined(add_weight, group_of(self, a_set), where, args, kwargs)
            if isinstance(a_set, SelfStarting):
                resolved = _inside(resolved, a_set, where)
            if isinstance(a_set, ConstraintSet) and not isinstance(resolved, Feasible):
                _warn_if_empty(a_set, where)
            if resolved is not initializer:
                if len(args) > 1:
                    args = (args[0], resolved, *args[2:])
                else:
                    kwargs["initializer"] = resolved
        return add_weight(self, *args, **kwargs)

    return wrapper


def _joined(add_weight, group, where, args, kwargs):
    """A weight that becomes a member of its layer's group."""
    member = group.member(*where)
    variable = add_weight(where[0], *args, **{**kwargs, "constraint": member})
    group.bind(member, variable)
    return variable


def _at_home(initializer, where):
    """An initializer of this library with what it has to know of the layer."""
    layer, name, shape, path = where
    if isinstance(initializer, Feasible):
        axes = unit_axes(layer, name, shape)
        recurrent = name == RECURRENT
        resolved = initializer.over(resolve(initializer.set, *where), axes, recurrent, path)
        if resolved.activation is not None:
            _check_activated(layer)
            layer.__dict__[_START] = _started(layer, resolved, shape)
        return resolved
    if isinstance(initializer, MatchingBias):
        a_set = None if initializer.set is None else resolve(initializer.set, *where)
        start = layer.__dict__.get(_START)
        return initializer if start is None else initializer.at(start.bias, a_set)
    given = vars(layer).get(f"{name}_initializer")
    if isinstance(given, Feasible) and callable(initializer):
        return _put_inside(initializer, resolve(given.set, *where))
    return initializer


def _put_inside(initializer, a_set):
    """What a layer makes of its initializer, such as an LSTM that opens its forget gates."""
    return lambda shape, dtype=None: a_set.project(initializer(shape, dtype=dtype))


def _check_activated(layer):
    """Raises ValueError for a layer that does not apply one activation to one product."""
    if hasattr(layer, "recurrent_constraint"):
        raise ValueError(
            f"`activation` of `constrained` plans layers that apply one activation to one product "
            f"(Dense, convolutions, EinsumDense). Received: {with_article(type(layer).__name__)}, "
            "whose gates have their own. Leave `activation` out and give it to the layer itself."
        )


def _inside(initializer, a_set, where):
    """The initializer with a set that starts itself behind it."""
    layer, name, shape, _ = where
    if not isinstance(initializer, Feasible):
        _checks.not_empty("SelfStarting", "shape", shape)
        warn_if_far(a_set, shape, unit_axes(layer, name, shape), recurrent=name == RECURRENT)
    begin = keras.initializers.get("glorot_uniform" if initializer is None else initializer)
    return lambda shape, dtype=None: a_set(begin(shape, dtype=dtype))


def _warn_of_idle(layer):
    """Warns, once, of a set for a weight that the layer is made without."""
    for argument, switch, off in _SWITCHES:
        given = vars(layer).get(f"{argument}{SUFFIX}")
        if not _is_ours(given) or vars(layer).get(switch, given) is not off:
            continue
        if (told := (argument, switch)) not in layer.__dict__.setdefault(_TOLD, set()):
            layer.__dict__[_TOLD].add(told)
            warn(
                f"The set of `{argument}` of {layer.name!r} has no weight to hold: the layer is "
                f"made with {switch}={off}. Leave out {argument}={given!r}, or {switch}={off}."
            )


def _warn_if_empty(a_set, where):
    """Warns of sets that have nothing in common, where no draw says so."""
    *_, shape, path = where
    missing = lacking(a_set, shape)
    if missing:
        warn(
            f"The constraint of {path!r} has no weight of shape {shape}: none was found that is "
            f"{missing}. Steps of training end between the sets. Give one of them a wider bound."
        )


def _started(layer, initializer, shape):
    """The plan of a layer's kernel, which its output scale and its bias follow."""
    # EinsumDense says by its axes whether it has a bias.
    has_bias = bool(getattr(layer, "use_bias", None) or getattr(layer, "bias_axes", None))
    scale = getattr(layer, "activation", None)
    start = initializer.start(shape, bias=has_bias, scaled=isinstance(scale, OutputScale))
    if isinstance(scale, OutputScale):
        scale.start_at(start.scale, layer.dtype_policy)
    for line in start.warnings:
        warn(f"{_path(layer, '')}: {line}.")
    return start


def _taking_what_it_has(init):
    """Keras answers a set for a weight that a layer lacks with a dictionary of objects."""

    # Of the form of what it wraps: Keras reads it to make configs (`Operation.__new__`).
    @functools.wraps(init)
    def wrapper(self, **kwargs):
        lost = [n for n, v in kwargs.items() if n.endswith(SUFFIX) and _is_ours(v)]
        if lost:
            raise ValueError(not_taken(type(self), lost[0]))
        init(self, **kwargs)

    return wrapper


def _is_ours(value):
    return isinstance(value, (ConstraintSet, Joint))


def _path(layer, name):
    return "/".join(part for part in (layer.path or layer.name, name) if part)


def _sparing(use_weight_decay):
    """Weight decay of what it would pull to where nobody wants it, see `Reparametrized`."""

    @functools.wraps(use_weight_decay)
    def wrapper(self, variable):
        return getattr(variable, "decays", True) and use_weight_decay(self, variable)

    return wrapper


def _of_free_values(exclude_from_weight_decay):
    """Who names a weight that is computed means the free value that is trained in its place."""

    @functools.wraps(exclude_from_weight_decay)
    def wrapper(self, var_list=None, var_names=None):
        free = [trained_of(variable) for variable in var_list or ()]
        return exclude_from_weight_decay(self, free, var_names)

    return wrapper


def _where_there_is_any(apply_weight_decay):
    """No weight decay of nothing, on which PyTorch fails (Keras 3.15.1)."""

    @functools.wraps(apply_weight_decay)
    def wrapper(self, variables):
        if any(self._use_weight_decay(variable) for variable in variables):
            apply_weight_decay(self, variables)

    return wrapper


_WRAPPED = (
    (keras.layers.Layer, "__init__", _taking_what_it_has),
    (keras.layers.Layer, "add_weight", _knows_its_layer),
    (keras.optimizers.Optimizer, "apply", functools.partial(telling, after=act)),
    (keras.optimizers.Optimizer, "_use_weight_decay", _sparing),
    (keras.optimizers.Optimizer, "exclude_from_weight_decay", _of_free_values),
    (keras.optimizers.Optimizer, "_apply_weight_decay", _where_there_is_any),
    (keras.optimizers.Optimizer, "_update_model_variables_moving_average", of_members),
    (keras.optimizers.Optimizer, "finalize_variable_values", ending_inside),
)


def install() -> None:
    """Wraps methods of `keras.layers.Layer` and `keras.optimizers.Optimizer`, once."""
    for owner, name, wrap in _WRAPPED:
        method = getattr(owner, name)
        if not hasattr(method, _MARK):
            wrapper = wrap(method)
            setattr(wrapper, _MARK, True)
            setattr(owner, name, wrapper)
