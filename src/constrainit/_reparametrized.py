"""`Reparametrized`: a layer that sees weights through smooth maps."""

import functools
import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops, tree

from constrainit import _checks
from constrainit._compile import assign_where
from constrainit._precision import wide_dtype
from constrainit._set import ConstraintSet
from constrainit.initializers import Feasible
from constrainit.model import (
    GroupRecord,
    WeightRecord,
    constrained_records,
    matches,
    matching,
    walk,
)
from constrainit.sets import as_set

_LAYER_ARGUMENTS = ("name", "dtype", "trainable", "activity_regularizer", "autocast")


@keras.saving.register_keras_serializable(package="constrainit")
class Reparametrized(keras.layers.Wrapper):
    """A layer whose weights are seen through smooth maps, and so never leave their sets.

    `Reparametrized(Dense(64), kernel=Box(0.1, 1.0))` trains a free value in the place of the
    kernel; the layer sees `Box(0.1, 1.0).transform.forward(free value)`, computed once for each
    call, not once for each use or time step. Nothing is cut off after a step: the optimizer moves
    freely.

    The free value is the trainable weight, called `kernel_free`. `layer.kernel` gives the member,
    and assigning a member to it sets the free value. A regularizer of the kernel acts on the
    member. Weight decay of the optimizer acts on the free value where that is the same thing (maps
    that are `linear`), and not at all elsewhere: it would pull to `forward(0)`, which nobody means.

    Orthogonal matrices are seen from a base, `kernel_free_base`, a weight that is not trained:
    the member at one value of the free weight, and that value. When training has gone far from it,
    it is set anew, which does not change the member.

    A layer that has its weights already keeps them; what is outside of its set goes to the nearest
    member, with a warning. A layer that is built here starts from its set's own initializer, or
    from that of the layer if it is one of this library.

    Args:
        layer: Any Keras layer.
        sets: For each weight that is to be seen through a map its set, or anything that `as_set`
            takes. A weight is named as in the layer, `kernel`, `recurrent_kernel`, `gamma`, or by
            a glob pattern on its path inside of the layer: `**{"forward_*/kernel": a_set}`.
            All weights that match are taken.
        name: As for any layer, and so are `dtype` and `trainable`.

    Raises:
        ValueError: No set is given, or `layer` is no layer; when the layer is built, it has no such
            weight, the set does not fit it or has no smooth map, or the weight is seen through a
            map already.

    >>> import constrainit as ci
    >>> from keras import layers
    >>> layer = ci.Reparametrized(layers.Dense(2), kernel=ci.Box(0.1, 1.0))
    >>> layer.build((None, 3))
    >>> [weight.name for weight in layer.trainable_weights]
    ['kernel_free', 'bias']
    """

    def __init__(self, layer: keras.layers.Layer, **sets: Any):
        if not isinstance(layer, keras.layers.Layer):
            raise _checks.fail("Reparametrized", "layer", "be a Keras layer", layer)
        own = {name: sets.pop(name) for name in _LAYER_ARGUMENTS if name in sets}
        if not sets:
            raise ValueError(
                "`Reparametrized` must be given the set of at least one weight. Received none. "
                "Write Reparametrized(layer, kernel=ci.Box(0.1, 1.0))."
            )
        # Keras reads the signature: what the layer takes, this one takes.
        self.__dict__["call"] = _signed(self._call, layer.call, training=None)
        shape = _signed(self._compute_output_shape, layer.compute_output_shape)
        self.__dict__["compute_output_shape"] = shape
        super().__init__(layer, **own)
        self.sets = {name: as_set(one) for name, one in sets.items()}
        self.supports_masking = layer.supports_masking
        # Not as attributes: Keras would save the weights that are computed, too.
        self.__dict__.update(seen=[], replaced={}, _given=layer.built)

    seen: list[Any]
    replaced: dict[int, list[Any]]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The layer on its inputs."""
        if not self.layer.built:
            self._build_layer_on(args, kwargs)
        return super().__call__(*args, **kwargs)

    def build(self, input_shape: Any = None) -> None:
        """Builds the layer and puts free values in the place of its weights."""
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        if not self.seen:
            self._see()

    def get_build_config(self) -> dict[str, Any]:
        """What the layer itself is built from."""
        return {"layer": self.layer.get_build_config()}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds the layer as it was built when it was saved."""
        if config.get("layer") and not self.layer.built:
            self.layer.build_from_config(config["layer"])
        self.build()

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """That of the layer."""
        return self.layer.compute_mask(inputs, previous_mask)

    def quantize(self, mode: Any = None, **kwargs: Any) -> None:
        """Not possible: what is trained is not the weight that would be quantized."""
        raise ValueError(
            f"`{self.name}` can not be quantized: its weights are computed from free values. "
            "Quantize ci.bake(model), a plain Keras model of the same function."
        )

    def get_config(self) -> dict[str, Any]:
        """The layer and the sets."""
        saved = {n: keras.saving.serialize_keras_object(one) for n, one in self.sets.items()}
        return {**super().get_config(), "sets": saved}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Reparametrized":
        """The layer that `get_config` was taken from, not built."""
        config = dict(config)
        layer = keras.saving.deserialize_keras_object(config.pop("layer"), custom_objects)
        sets = {
            name: keras.saving.deserialize_keras_object(one, custom_objects)
            for name, one in config.pop("sets").items()
        }
        made = cls(layer, **config, **sets)
        # Keras builds a layer as it reads it; its weights are yet to be loaded.
        made.__dict__["_given"] = False
        return made

    # What stands in the place of `call` and `compute_output_shape`

    def _call(self, *args, training=None, **kwargs):
        if training is not None and _takes_training(self.layer):
            kwargs["training"] = training
        try:
            for seen in self.seen:
                seen.hold(training)
            return self.layer(*args, **kwargs)
        finally:
            for seen in self.seen:
                seen.release()

    def _compute_output_shape(self, *args, **kwargs):
        return self.layer.compute_output_shape(*args, **kwargs)

    # Building

    def _build_layer_on(self, args, kwargs):
        def spec(x):
            known = hasattr(x, "shape") and hasattr(x, "dtype")
            dtype = keras.backend.standardize_dtype(x.dtype) if known else None
            return keras.KerasTensor(tuple(x.shape), dtype) if known else x

        with self._open_name_scope():
            self.layer(*tree.map_structure(spec, args), **tree.map_structure(spec, kwargs))

    def _see(self):
        found = [
            (record, a_set, name)
            for name, a_set in self.sets.items()
            for record in self._records(name)
        ]
        pairs = [(record, _smooth(record, a_set, name)) for record, a_set, name in found]
        for record in walk(self.layer):
            self.replaced.setdefault(id(record.layer), []).append(record.variable)
        names = [record.variable.name for record, _ in pairs]
        for record, a_set in pairs:
            name = record.variable.name
            name = record.place.replace("/", "_") if names.count(name) > 1 else name
            self.seen.append(self._freed(record, a_set, f"{name}_free"))
        self.layer.__dict__["quantize"] = self.quantize

    def _records(self, name):
        records = walk(self.layer)
        found = [r for r in records if name == r.argument or matches(r, name)]
        if not found:
            _refuse_seen("Reparametrized", self.layer, name)
            known = ", ".join(sorted({repr(r.place or r.variable.name) for r in records}))
            raise ValueError(
                f"`{name}` of `Reparametrized` must name a weight of {self.layer.name!r}. "
                f"It has {known or 'none'}."
            )
        return found

    def _freed(self, record: WeightRecord, a_set: ConstraintSet, name: str):
        """The weight of a record, seen through the map of its set."""
        variable, smooth = record.variable, a_set.transform
        assert smooth is not None
        value = _initial(record, a_set, self._given)

        def initializer(_, dtype=None):
            if value is None:
                return smooth.start(a_set.initializer()(record.shape, dtype=dtype))
            return (smooth.right_inverse if self._given else smooth.start)(value)

        free = self.add_weight(
            shape=smooth.free_shape(record.shape),
            initializer=initializer,
            dtype=record.dtype,
            autocast=False,
            trainable=variable.trainable and record.layer.trainable,
            name=name,
        )
        free.decays = smooth.linear
        base = None
        if smooth.based:
            base = self.add_weight(
                shape=(2, *record.shape),
                initializer=lambda shape, dtype=None: smooth.base(smooth.forward(free), free),
                dtype=wide_dtype(record.dtype),
                autocast=False,
                trainable=False,
                name=f"{name}_base",
            )
        regularizer = variable.regularizer
        if regularizer is not None:
            free.regularizer = lambda v: regularizer(_member(smooth, v, base, record.shape))
        _save_what_is_tracked(record.layer)
        record.layer._untrack_variable(variable)
        variable.__class__ = _seen_class(type(variable))
        variable.see(free, a_set, base)
        return variable


def _save_what_is_tracked(layer):
    """Saves the weights that a layer still has; some layers save theirs by name."""
    for method in ("save_own_variables", "load_own_variables"):
        plain = getattr(keras.layers.Layer, method)
        layer.__dict__[method] = functools.partial(plain, layer)


def _signed(function, as_this, **more):
    """A function with the signature of another, and more parameters that are keywords."""

    @functools.wraps(as_this)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    signature = inspect.signature(as_this)
    known = list(signature.parameters.values())
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value)
        for name, value in more.items()
        if name not in signature.parameters
    ]
    last = known.pop() if known and known[-1].kind is inspect.Parameter.VAR_KEYWORD else None
    parameters = [*known, *added, *([last] if last else [])]
    wrapper.__dict__["__signature__"] = signature.replace(parameters=parameters)
    return wrapper


def _takes_training(layer):
    """Whether the `call` of a layer can be told whether it is training."""
    parameters = inspect.signature(layer.call).parameters.values()
    return any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)


def _member(smooth, v, base, shape):
    """The member that a free value stands for, seen from its base if it has one."""
    return smooth.forward(v, shape) if base is None else smooth.around(v, base)


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
            """Computes the weight, for all that reads it until `release`.

            A step of training that has gone far from the base begins from a new one.
            """
            if self.base is not None and training:
                smooth, base = self.set.transform, self.base
                free = ops.stop_gradient(ops.convert_to_tensor(self.free))
                assign_where(
                    smooth.strays(free, base.value), base, lambda: smooth.rebased(free, base.value)
                )
            self._now = self.member()

        def release(self):
            self._now = None

        def member(self):
            """The weight, in the dtype of its storage."""
            base = None if self.base is None else self.base.value
            return _member(self.set.transform, self.free, base, tuple(self.shape))

        @property
        def value(self):
            now = self.member() if self._now is None else self._now
            return self._maybe_autocast(now)

        def assign(self, value):
            """Sets the free value of a member; another weight goes to the nearest one."""
            value = ops.convert_to_tensor(value, dtype=self._dtype)
            smooth, image = self.set.transform, _inside(self.set, value, self.path)
            if self.base is None:
                self.free.assign(smooth.right_inverse(image))
            else:
                self.base.assign(smooth.base(image, self.free))
            return value

        def numpy(self):
            return ops.convert_to_numpy(self.value)

        def __array__(self, dtype=None, copy=None):
            return self.numpy() if dtype is None else self.numpy().astype(dtype)

    return Seen


def reparametrize(model: keras.Model, sets: Mapping[str, Any] | None = None) -> keras.Model:
    """A copy of a built model whose weights are seen through smooth maps.

    The weights are kept: the copy computes the same function, to the rounding of their dtype. A
    weight outside of its set goes to the nearest member, with a warning. `bake` is the way back.

    Args:
        model: A built Sequential or Functional model; stays as it is.
        sets: From glob patterns to sets, or anything that `as_set` takes. A pattern matches a
            weight's path, its place in the model, or the end of either, as for `constrain`. None:
            every weight that has a constraint, through the smooth map of its own set; what was
            cut off after each step is then never reached.

    Returns:
        The copy, not compiled, whose layers are in a `Reparametrized` where a weight matched.

    Raises:
        ValueError: The model makes its layers in its own code, a pattern matches no weight, no
            weight has a constraint where `sets` is None, or a set does not fit or has no smooth
            map.

    >>> import constrainit as ci
    >>> import keras
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False)])
    >>> smooth = ci.reparametrize(model, {"*/kernel": ci.MaxAbs(2.0)})
    >>> [weight.name for weight in smooth.trainable_weights]
    ['kernel_free']
    """
    records = walk(model)
    if not isinstance(model, keras.Sequential) and not hasattr(model, "operations"):
        raise ValueError(
            f"`model` of `reparametrize` must be Sequential or Functional. Received: "
            f"{model.name!r}, a {type(model).__name__} that makes its layers in its own code. "
            "Write Reparametrized(layer, ...) there."
        )
    if not isinstance(sets, Mapping | None):
        raise _checks.fail(
            "reparametrize", "sets", 'be a dict from patterns to sets, {"*/kernel": a_set}', sets
        )
    chosen = {}
    if sets is None:
        chosen = _constrained(model)
    for pattern, one in (sets or {}).items():
        _refuse_seen("reparametrize", model, pattern)
        for record in matching("reparametrize", records, pattern):
            chosen[id(record.variable)] = as_set(one)
    for record in records:
        if id(record.variable) in chosen:
            _smooth(record, chosen[id(record.variable)], record.path, "reparametrize")

    def copied(layer):
        copy = _copy_of(layer)
        own = walk(layer) if layer.variables else []
        mine = {r.place: chosen[id(r.variable)] for r in own if id(r.variable) in chosen}
        return Reparametrized(copy, name=layer.name, **mine) if mine else copy

    copy = keras.models.clone_model(model, clone_function=copied, recursive=True)
    pairs = zip(weights_in_order(model), weights_in_order(copy), strict=True)
    for variable, target in pairs:
        target.assign(ops.stop_gradient(ops.copy(ops.convert_to_tensor(variable))))
    return copy


def _copy_of(layer):
    """A layer of the same config, which a constraint that can not be saved does not have."""
    try:
        return type(layer).from_config(layer.get_config())
    except (TypeError, ValueError) as fault:
        raise ValueError(
            f"Every layer of `model` of `reparametrize` must be made anew from its config: "
            f"{layer.name!r} can not. {type(fault).__name__}: {fault}"
        ) from fault


def _refuse_seen(owner, model, pattern):
    """An error if a pattern names a weight that is seen through a map already."""
    for one in seen_weights(model):
        record = WeightRecord(one.path, one.path, model, one, None)
        if pattern == one.name or (isinstance(pattern, str) and matches(record, pattern)):
            raise ValueError(
                f"`{pattern}` of `{owner}` must name a weight that is trained as it is. Received: "
                f"{one.path!r}, which a `Reparametrized` computes from a free value already. "
                "Write ci.bake(model) first: there it is a plain weight."
            )


def _constrained(model):
    """The set of every weight that has a constraint, by the identity of the variable."""
    records = constrained_records(model)
    if not records:
        raise ValueError(
            f"`sets` of `reparametrize` must say which weights: none of {model.name!r} has a "
            'constraint. Write reparametrize(model, {"*/kernel": ci.Box(0.1, 1.0)}).'
        )
    for record in records:
        if isinstance(record, GroupRecord):
            raise ValueError(
                f"`model` of `reparametrize` must have constraints of single weights. Received: "
                f"{record.path!r}, which obey one set together. Keep its projection, and name the "
                "others by patterns."
            )
    return {id(record.variable): as_set(record.constraint) for record in records}


def weights_in_order(layer: Any) -> list[Any]:
    """The weights as a model without any `Reparametrized` would have them, each once."""
    found: dict[int, Any] = {}
    replaced: dict[int, list[Any]] = {}

    def visit(one):
        if isinstance(one, Reparametrized):
            replaced.update(one.replaced)
            own = []
        else:
            own = one._trainable_variables + one._non_trainable_variables
        for variable in replaced.get(id(one), own):
            found.setdefault(id(variable), variable)
        for inner in one._layers:
            visit(inner)

    visit(layer)
    return list(found.values())


def seen_weights(model: Any) -> list[Any]:
    """The weights of a model that are computed from free values, each once."""
    found: dict[int, Any] = {}
    for layer in model._flatten_layers():
        if isinstance(layer, Reparametrized):
            found.update((id(one), one) for one in layer.seen)
    return list(found.values())


def _smooth(record, a_set, name, owner="Reparametrized"):
    """The set of a weight, resolved for it, which has a smooth map."""
    resolved = record.resolved(a_set)
    if resolved.transform is None:
        why = f": {resolved.no_map}" if resolved.no_map else ""
        others = "" if owner == "Reparametrized" else " Name the other weights by patterns."
        raise ValueError(
            f"`{name}` of `{owner}` must be a set with a smooth map. Received: {name}="
            f"{a_set!r}, which has none{why}. Use its projection: ci.constrained(...) for the "
            f"layer, or ci.constrain(model, ...).{others}"
        )
    return resolved


def _initial(record, a_set, given):
    """The value that a weight starts from; None for a draw of the set."""
    if record.variable._value is None:
        # The layer is being built by a step that is traced: variables get their values later.
        return None
    value = ops.stop_gradient(ops.copy(record.value))
    if given:
        return _inside(a_set, value, record.path)
    own = getattr(record.layer, f"{record.variable.name}_initializer", None)
    return a_set.project(value) if isinstance(own, Feasible) else None


def _inside(a_set, value, path):
    """A value, or the nearest member if it is none, with a warning."""
    value, image = ops.stop_gradient(value), a_set.project(value)
    try:
        away = float(ops.max(ops.abs(ops.cast(image, "float32") - ops.cast(value, "float32"))))
    # Being traced, it has no number to compare.
    except (TypeError, ValueError, NotImplementedError):
        return image
    if away > 0:
        warnings.warn(
            f"{path}: the weight is outside of its set ({a_set.describe()}), at most {away:.3g} an "
            "entry. The nearest member takes its place.",
            stacklevel=2,
        )
    return image
