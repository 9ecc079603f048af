"""`Reparametrized`: a layer that sees weights through smooth maps."""

import contextlib
from typing import Any, Never

import keras
from keras import ops, tree

from constrainit import _checks
from constrainit._forwarding import refuse_as_cell, share_path, weight_inside
from constrainit._mappable import first_value, smooth_set, trained
from constrainit._patterns import nearest
from constrainit._precision import wide_dtype
from constrainit._seen import refuse_adapters, save_what_is_tracked, see
from constrainit._set import ConstraintSet
from constrainit._signatures import signed, takes_training
from constrainit._taken import sets_by_weight
from constrainit.model import WeightRecord, argument_of, matches, walk

_LAYER_ARGUMENTS = ("name", "dtype", "trainable", "activity_regularizer", "autocast")


@keras.saving.register_keras_serializable(package="constrainit")
class Reparametrized(keras.layers.Wrapper):
    """A layer whose weights are seen through smooth maps, and so never leave their sets.

    `Reparametrized(Dense(64), kernel=Box(0.1, 1.0))` trains a free value in the place of the
    kernel; the layer sees `Box(0.1, 1.0).transform.forward(free value)`, computed once for each
    call, not once for each use or time step. Nothing is cut off after a step: the optimizer moves
    freely.

    The free value is the trainable weight, called `kernel_free`. `kernel`, of this layer as of the
    one inside, gives the member, and assigning a member to it sets the free value; `bias`, `gamma`
    and any other weight are had by their names, too. A regularizer of the kernel acts on the
    member. Weight decay of the optimizer acts on the free value where that is the same thing (maps
    that are `linear`), and not at all elsewhere: it would pull to `forward(0)`, which nobody means.

    Orthogonal matrices are seen from a base, `kernel_free_base`, a weight that is not trained:
    the member at one value of the free weight, and that value. When training has gone far from it,
    it is set anew, which does not change the member.

    A layer that has its weights already keeps them; what is outside of its set goes to the nearest
    member, with a warning; of a `Grid` the weight is the free value, and seen rounded. A layer
    that is built here starts from its set's own initializer, or from that of the layer if it is one
    of this library. It goes around `RNN(cell)`, `Bidirectional(layer)` and the like, not inside.

    Args:
        layer: Any Keras layer.
        sets: For each weight that is to be seen through a map its set, or anything that `as_set`
            takes. A weight is named as in the layer, `kernel`, `recurrent_kernel`, `gamma`, or as
            its argument, `recurrent`, or by a glob pattern on its path inside of the layer:
            `**{"forward_*/kernel": a_set}`. All weights that match are taken.
        name: As for any layer, and so are `dtype` and `trainable`.

    Raises:
        ValueError: No set is given, or one without a name, or `layer` is no layer; when the layer
            is built, it has no such weight, the set does not fit it or has no smooth map, or the
            weight is seen through a map already.

    >>> import constrainit as ci
    >>> from keras import layers
    >>> layer = ci.Reparametrized(layers.Dense(2), kernel=ci.Box(0.1, 1.0))
    >>> layer.build((None, 3))
    >>> [weight.name for weight in layer.trainable_weights]
    ['kernel_free', 'bias']
    """

    def __init__(self, layer: keras.layers.Layer, *unnamed: Never, **sets: Any):
        _checks.named("Reparametrized", unnamed, "Reparametrized(layer, kernel={!r})")
        if not isinstance(layer, keras.layers.Layer):
            raise _checks.fail("Reparametrized", "layer", "be a Keras layer", layer)
        own = {name: sets.pop(name) for name in _LAYER_ARGUMENTS if name in sets}
        if not sets:
            raise ValueError(
                "`Reparametrized` must be given the set of at least one weight. Received none. "
                "Write Reparametrized(layer, kernel=ci.Box(0.1, 1.0))."
            )
        # Keras reads the signature: what the layer takes, this one takes.
        self.__dict__["call"] = signed(self._call, layer.call, training=None)
        shape = signed(self._compute_output_shape, layer.compute_output_shape)
        self.__dict__["compute_output_shape"] = shape
        super().__init__(layer, **own)
        self.sets = sets_by_weight(sets)
        self.supports_masking = layer.supports_masking
        # Not as attributes: Keras would save the weights that are computed, too.
        self.__dict__.update(seen=[], replaced={}, places={}, _given=layer.built)

    def __getattr__(self, name: str) -> Any:
        """The weights of the layer by their names there, those that are computed included."""
        if hasattr(type(self), name):
            # A property that raised, in its own words: Python puts those from here in their place.
            return object.__getattribute__(self, name)
        of_backend = getattr(super(), "__getattr__", None)
        if of_backend is not None:
            with contextlib.suppress(AttributeError):
                return of_backend(name)
        # Before there is a layer, as in a copy that is being made, `self.layer` would end here.
        inside = None if name.startswith("_") or "seen" not in vars(self) else self.layer
        return weight_inside(type(self).__name__, name, inside, bool(inside and self.seen))

    state_size = property(refuse_as_cell)

    seen: list[Any]
    replaced: dict[int, list[Any]]
    places: dict[str, list[int]]
    """Which weights of the layer each set is for, by their order: Keras may name them anew."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The layer on its inputs."""
        if not self.layer.built:
            self._build_layer_on(args, kwargs)
        return super().__call__(*args, **kwargs)

    def build(self, input_shape: Any = None) -> None:
        """Builds the layer and puts free values in the place of its weights."""
        if not self.layer.built:
            share_path(self)
            self.layer.build(input_shape)
            self.layer.built = True
        if not self.seen:
            self._see()

    def get_build_config(self) -> dict[str, Any] | None:
        """What the layer itself is built from; None while it is not built."""
        return {"layer": self.layer.get_build_config()} if self.layer.built else None

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
        places = {"places": self.places} if self.places else {}
        return {**super().get_config(), "sets": saved, **places}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Reparametrized":
        """The layer that `get_config` was taken from, not built."""
        config = dict(config)
        if "go_backwards" in config:
            raise ValueError(
                "`Bidirectional` makes two layers of one, and must be inside of `Reparametrized`. "
                "Write Reparametrized(Bidirectional(layer), recurrent_kernel=a_set)."
            )
        places = config.pop("places", {})
        layer = keras.saving.deserialize_keras_object(config.pop("layer"), custom_objects)
        sets = {
            name: keras.saving.deserialize_keras_object(one, custom_objects)
            for name, one in config.pop("sets").items()
        }
        made = cls(layer, **config, **sets)
        # Keras builds a layer as it reads it; its weights are yet to be loaded.
        made.__dict__.update(_given=False, places=places)
        return made

    # What stands in the place of `call` and `compute_output_shape`

    def _call(self, *args, training=None, **kwargs):
        if training is not None and takes_training(self.layer):
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
            share_path(self)
            self.layer(*tree.map_structure(spec, args), **tree.map_structure(spec, kwargs))

    def _see(self):
        found = [
            (record, a_set, name)
            for name, a_set in self.sets.items()
            for record in self._records(name)
        ]
        pairs = [(record, smooth_set(record, a_set, name)) for record, a_set, name in found]
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
        found = [r for r in records if argument_of(name) == r.argument or matches(r, name)]
        if name in self.places:
            found = [r for place, r in enumerate(records) if place in self.places[name]]
        if not found:
            refuse_seen("Reparametrized", self.layer, name)
            known = list(dict.fromkeys(r.place or r.variable.name for r in records))
            raise ValueError(
                f"`{name}` of `Reparametrized` must name a weight of {self.layer.name!r}. "
                f"It has {', '.join(map(repr, known)) or 'none'}."
                + (f" Write {like!r}." if (like := nearest(name, known)) else "")
            )
        kept = trained("Reparametrized", found, name)
        own = {id(r.variable) for r in kept}
        self.places[name] = [i for i, r in enumerate(records) if id(r.variable) in own]
        return kept

    def _freed(self, record: WeightRecord, a_set: ConstraintSet, name: str):
        """The weight of a record, seen through the map of its set."""
        variable, smooth = record.variable, a_set.transform
        assert smooth is not None
        value = first_value(record, a_set, self._given)
        save_what_is_tracked(record.layer)
        record.layer._untrack_variable(variable)
        if not self._given:
            # What Keras drew takes no memory beside what comes in its place.
            variable._value = None

        def initializer(_, dtype=None):
            if value is None:
                return smooth.start(a_set.initializer()(record.shape, dtype=dtype))
            return value if self._given else smooth.start(value)

        free = self.add_weight(
            shape=smooth.free_shape(record.shape),
            initializer=initializer,
            dtype=record.dtype,
            autocast=False,
            name=name,
        )
        base = None
        if smooth.based:

            def at_start(shape, dtype=None):
                # What PyTorch would keep for a gradient is several times the weight.
                start = ops.stop_gradient(ops.convert_to_tensor(free))
                return smooth.base(start, start)

            base = self.add_weight(
                shape=(2, *record.shape),
                initializer=at_start,
                dtype=wide_dtype(record.dtype),
                autocast=False,
                trainable=False,
                name=f"{name}_base",
            )
        refuse_adapters(record.layer, variable.name)
        see(variable, free, base, a_set, record.layer)
        return variable


def refuse_seen(owner, model, pattern):
    """An error if a pattern names a weight that is seen through a map already."""
    for one in seen_records(model):
        named = pattern == one.variable.name
        if named or (isinstance(pattern, str) and matches(one, pattern)):
            raise ValueError(
                f"`{pattern}` of `{owner}` must name a weight that is trained as it is. Received: "
                f"{one.path!r}, which a `Reparametrized` computes from a free value already. "
                "Write ci.bake(model) first: there it is a plain weight."
            )


def seen_records(model: Any) -> list[WeightRecord]:
    """The weights of a model that a `Reparametrized` computes, shared ones once.

    `walk` does not give them: they are no variables that the model holds.
    """
    found: dict[int, WeightRecord] = {}
    for layer in model._flatten_layers():
        if isinstance(layer, Reparametrized):
            found.update(
                (id(one), WeightRecord(one.path, one.path, model, one, None)) for one in layer.seen
            )
    return list(found.values())
