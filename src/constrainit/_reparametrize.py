"""`reparametrize`: a whole model whose weights are seen through smooth maps."""

import contextlib
import glob
import re
from collections.abc import Iterator, Mapping
from typing import Any

import keras
from keras import ops

from constrainit import _checks
from constrainit._carried import carry_adapted, carry_constraints
from constrainit._joint import Member
from constrainit._mappable import is_trained, smooth_set, trained
from constrainit._own_parts import own_parts_known, shared_by_parts, why_not_anew
from constrainit._present import check_values
from constrainit._reparametrized import Reparametrized, refuse_seen
from constrainit._signatures import explaining
from constrainit._warning import warn
from constrainit._words import with_article
from constrainit.model import GroupRecord, check_built, constrained_records, matching, walk
from constrainit.sets import Intersection, as_set
from constrainit.sets.keras_builtin import set_of


@explaining
def reparametrize(
    model: keras.Model, sets: Mapping[str, Any] | None = None, *, skip_unmappable: bool = False
) -> keras.Model:
    """A copy of a built model whose weights are seen through smooth maps.

    The weights are kept: the copy computes the same function, to the rounding of their dtype. A
    weight outside of its set goes to the nearest member, with a warning, and where it is far
    outside a little further in: near a bound a smooth map is flat, and what lies there can hardly
    leave. Of a `Grid` a weight is kept as the free value and seen rounded, with a warning where
    that leaves less than half of it. `bake` is the way back.

    Args:
        model: A built Sequential or Functional model; stays as it is.
        sets: From glob patterns to sets, or anything that `as_set` takes. A pattern matches a
            weight's path, its place in the model, or the end of either, as for `constrain`. None:
            every weight that has a constraint, through the smooth map of its own set; what was
            cut off after each step is then never reached. A set takes the place of the constraint
            that a weight had, with a warning where that was another one; `A & B` keeps both.
        skip_unmappable: Where `sets` is None, whether weights whose set has no smooth map, and
            those that obey one set together, keep their constraint, in place of an error.

    Returns:
        The copy, not compiled, as its optimizer has other weights to train. Its layers are in a
        `Reparametrized` where a weight matched.

    Raises:
        ValueError: The model makes its layers in its own code (such models may be parts of it, or
            stand in a `Reparametrized` as a whole), a pattern matches no weight, or one that obeys
            a `Joint` with others, no weight has a constraint where `sets` is None, a set does not
            fit or has no smooth map, or a layer can not be made anew from its config, such as a
            `Lambda` of a Python lambda. Classes and functions of your own need not be registered.

    >>> import constrainit as ci
    >>> import keras
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False)])
    >>> smooth = ci.reparametrize(model, {"*/kernel": ci.MaxAbs(2.0)})
    >>> [weight.name for weight in smooth.trainable_weights]
    ['kernel_free']
    """
    check_built(model, "reparametrize")
    check_values("reparametrize", model)
    records = walk(model)
    if not isinstance(model, keras.Sequential) and not hasattr(model, "operations"):
        raise ValueError(
            f"`model` of `reparametrize` must be Sequential or Functional. Received: "
            f"{model.name!r}, {with_article(type(model).__name__)} that makes its layers in its "
            "own code. Write Reparametrized(layer, ...) there, or put all of it into one: "
            'keras.Sequential([keras.Input(shape), Reparametrized(model, **{"*/kernel": a_set})]).'
        )
    if not isinstance(sets, Mapping | None):
        raise _checks.fail(
            "reparametrize", "sets", 'be a dict from patterns to sets, {"*/kernel": a_set}', sets
        )
    if not isinstance(skip_unmappable, bool) or (skip_unmappable and sets is not None):
        raise _checks.fail(
            "reparametrize", "skip_unmappable", "be False where `sets` are given, or True or False",
            skip_unmappable,
        )  # fmt: skip
    chosen = {}
    if sets is None:
        chosen = _constrained(model, skip_unmappable)
    for pattern, one in (sets or {}).items():
        refuse_seen("reparametrize", model, pattern)
        found = matching("reparametrize", records, pattern)
        for record in trained("reparametrize", found, pattern):
            if isinstance(record.constraint, Member):
                raise _of_a_joint(record, pattern)
            chosen[id(record.variable)] = set_of("reparametrize", pattern, one)
    for record in records:
        if id(record.variable) in chosen:
            smooth_set(record, chosen[id(record.variable)], record.path, "reparametrize")

    made_of = []

    def copied(layer):
        made_of.append((layer, made := over(layer)))
        return made

    def over(layer):
        copy = _copy_of(layer)
        # Single operations, such as a slice or a sum, are copied, too.
        own = walk(layer) if getattr(layer, "variables", None) else []
        mine, places = {}, {}
        for i, one in enumerate(own):
            if id(one.variable) in chosen:
                name = one.place if one.place not in mine else f"{one.place}#{i}"
                mine[name], places[name] = chosen[id(one.variable)], [i]
        if not mine:
            return copy
        made = Reparametrized(copy, name=layer.name, **mine)
        # Inside of a layer of the user's own they may have other names in the copy.
        made.__dict__["places"] = places
        return made

    with taken_as_not_compiled(model), own_parts_known(model):
        copy = keras.models.clone_model(model, clone_function=copied, recursive=True)
        _built_as(made_of)
    own, anew = weights_in_order(model), weights_in_order(copy)
    if len(own) != len(anew) and (name := shared_by_parts(model)):
        raise _of_a_shared_layer(model, name)
    pairs = list(zip(own, anew, strict=True))
    for variable, target in pairs:
        value = ops.stop_gradient(ops.copy(ops.convert_to_tensor(variable)))
        if hasattr(target, "take"):
            target.take(value, variable.path, begins=True)
        else:
            target.assign(value)
    carry_adapted(model, copy)
    carry_constraints(copy, pairs)
    _warn_of_dropped([(one, chosen[id(one.variable)]) for one in records
                      if id(one.variable) in chosen])  # fmt: skip
    return copy


def _of_a_shared_layer(model, name):
    """The error for a layer that is one in the model, and two in any copy of it."""
    return ValueError(
        f"`model` of `reparametrize` must hold its layers in its config. Received: {model.name!r}, "
        f"which has {name!r} in several of its parts; a config does not tell them to be one inside "
        "of a layer of your own. Put all of it into one: keras.Sequential([keras.Input(shape), "
        'Reparametrized(model, **{"*/kernel": a_set})]).'
    )


def _of_a_joint(record, pattern):
    """The error for a weight that others obey a set with."""
    group = record.constraint.group
    off = ", ".join(f"{glob.escape(member.variable.path)!r}: None" for member in group.members)
    return ValueError(
        f"`{pattern}` of `reparametrize` must not name a weight that obeys a set together with "
        f"others. Received: {record.path!r} of {group.path!r}, which obey {group.joint!r}. Name "
        f"other weights, or take that off first: ci.constrain(model, {{{off}}})."
    )


def _warn_of_dropped(pairs):
    """Warns of weights that had another set than that which they are seen in, all at once."""
    lost = []
    for record, a_set in pairs:
        if record.constraint is None:
            continue
        new = record.resolved(a_set)
        try:
            own, shown = record.resolved(record.constraint), as_set(record.constraint)
        # What can not be read as a set is none of those that the weight is seen in.
        except ValueError:
            own = shown = record.constraint
        if not _parts(own, record) <= _parts(new, record):
            lost.append(f"{record.path!r} had {shown!r} and is seen in {a_set!r}")
    if lost:
        more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
        warn(
            f"`reparametrize` puts its sets in the place of others: {lost[0]}{more}. Write a & b "
            "for weights in both, or take the first off before: ci.constrain(model, "
            '{"*/kernel": None}).'
        )


def _parts(a_set, record):
    """The sets that a weight must be in, with a single axis written in one way."""
    parts = a_set.sets if isinstance(a_set, Intersection) else [a_set]
    axis, rank = re.compile(r"axis=\[?(-?\d+)\]?(?=[,)])"), max(len(record.shape), 1)
    return {axis.sub(lambda found: f"axis={int(found[1]) % rank}", repr(part)) for part in parts}


def _built_as(made_of):
    """Builds the layers of a copy that Keras has not: those behind one whose shape it can not tell.

    One that is built at its first call would begin anew there, and lose the weights it was given.
    """
    for layer, made in made_of:
        # Single operations, such as a sum, have nothing to build.
        if not getattr(layer, "built", False) or made.built:
            continue
        config = layer.get_build_config()
        if isinstance(made, Reparametrized):
            config = {"layer": config}
        made.build_from_config(config)
        shapes, same = ([v.shape for v in weights_in_order(one)] for one in (layer, made))
        if list(map(tuple, shapes)) != list(map(tuple, same)):
            raise ValueError(
                f"Every layer of `model` of `reparametrize` must be built from its build config or "
                f"its input: {layer.name!r} can not. Write its `compute_output_shape`, or that of "
                "the layer before it."
            )


@contextlib.contextmanager
def taken_as_not_compiled(model: keras.Model) -> Iterator[None]:
    """A copy would be compiled from the config of a loss, which one of the user's own lacks."""
    compiled = [one for one in model._flatten_layers() if vars(one).get("compiled")]
    for one in compiled:
        vars(one)["compiled"] = False
    try:
        yield
    finally:
        for one in compiled:
            vars(one)["compiled"] = True


def _copy_of(layer):
    """A layer of the same config, which a constraint that can not be saved does not have."""
    try:
        return type(layer).from_config(layer.get_config())
    except (TypeError, ValueError, NotImplementedError) as fault:
        raise ValueError(
            f"Every layer of `model` of `reparametrize` must be made anew from its config: "
            f"{layer.name!r} can not. {why_not_anew(layer, fault)}"
        ) from fault


def _constrained(model, skip):
    """The set of every weight that has a constraint, by the identity of the variable."""
    records = [r for r in constrained_records(model) if isinstance(r, GroupRecord) or is_trained(r)]
    if skip:
        records = [r for r in records if not isinstance(r, GroupRecord) and _has_map(r)]
    if not records:
        raise ValueError(
            f"`sets` of `reparametrize` must say which weights: none of {model.name!r} has a "
            f"constraint{' of a set with a smooth map' * skip}. Write "
            'reparametrize(model, {"*/kernel": ci.Box(0.1, 1.0)}).'
        )
    for record in records:
        if isinstance(record, GroupRecord):
            raise ValueError(
                f"`model` of `reparametrize` must have constraints of single weights. Received: "
                f"{record.path!r}, which obey one set together. Keep its projection by "
                "skip_unmappable=True, or name the others by patterns."
            )
    return {id(record.variable): as_set(record.constraint) for record in records}


def _has_map(record):
    return record.resolved(record.constraint).transform is not None


def weights_by_layer(layer: Any) -> list[tuple[Any, list[Any]]]:
    """The layers, each with the weights it would have by itself without any `Reparametrized`."""
    found: list[tuple[Any, list[Any]]] = []
    replaced: dict[int, list[Any]] = {}

    def visit(one):
        if isinstance(one, Reparametrized):
            replaced.update(one.replaced)
            own = []
        else:
            own = one._trainable_variables + one._non_trainable_variables
        found.append((one, replaced.get(id(one), own)))
        for inner in one._layers:
            visit(inner)

    visit(layer)
    return found


def weights_in_order(layer: Any) -> list[Any]:
    """The weights as a model without any `Reparametrized` would have them, each once."""
    found = {id(v): v for _, variables in weights_by_layer(layer) for v in variables}
    return list(found.values())
