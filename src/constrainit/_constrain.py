"""Giving weights their constraints: with the layer, or to a model that is built."""

import difflib
import uuid
import warnings
from collections.abc import Mapping
from typing import Any

import keras

from constrainit import _checks
from constrainit._effective import computed_weight
from constrainit._joint import Group, Joint, Member
from constrainit._set import ConstraintSet
from constrainit.initializers import Feasible, MatchingBias
from constrainit.initializers._start import check_inputs
from constrainit.layers import OutputScale
from constrainit.model import STARTS, WeightRecord, matching, walk
from constrainit.sets import as_set

_NAMES = (
    "kernel", "bias", "recurrent", "depthwise", "pointwise", "embeddings", "gamma", "beta", "alpha",
)  # fmt: skip


def constrained(
    *, activation: Any = None, depth: int = 1, inputs: Any = None, **sets: Any
) -> dict[str, Any]:
    """The keyword arguments that give a layer a constraint and a start inside it, together.

    `Dense(64, **constrained(kernel=NonNegative(), bias=Box(-1, 1)))` is `Dense` with
    `kernel_constraint`, `kernel_initializer`, `bias_constraint` and `bias_initializer`. Kernels
    start from the set's own law; a bias, `beta` or `alpha` as near to zero, a `gamma` as near to
    one as its set allows, as in Keras.

    With an `activation` the start is that of `plan`: the kernel's law, the bias and, where the set
    fixes the size of a weight, an `OutputScale` around the activation keep the signal's scale
    through `depth` such layers. They are settled when the layer is built and its inputs are known:
    `Dense(64, **constrained(kernel=UnitNorm(), activation="relu", depth=20))`.

    Args:
        activation: The layer's activation, a name or a callable (`"linear"` for none), for a layer
            that has the argument `activation` and a kernel whose start it decides.
        depth: How many such layers the signal passes, one after the other.
        inputs: What feeds the layer: `"data"` of about mean 0 and variance 1, or the activation of
            the layer before. None: data if `depth` is 1, else the layer's own activation. Write
            `inputs="data"` for the first layer of a stack.
        **sets: Sets, or anything that `as_set` takes, under the names of the layer's arguments
            without the suffix: `kernel`, `bias`, `recurrent`, `depthwise`, `pointwise`,
            `embeddings`, `gamma`, `beta`, `alpha`.

    Returns:
        A dictionary for `**`. Use one dictionary for one layer: layers that share an initializer
        of the same shape start with the same weights.

    Raises:
        ValueError: A name carries its suffix or is misspelt, a value is no constraint, the
            activation is unknown, there is an activation or a depth but no kernel, or nothing at
            all.
    """
    if not sets and activation is None:
        raise ValueError(
            "`constrained` must be given a set. Received: none. Write "
            "**constrained(kernel=NonNegative()) for example."
        )
    arguments: dict[str, Any] = {}
    kernel = _planned_kernel(sets, activation, depth, inputs)
    for name, value in sets.items():
        _check_name(name, value)
        for suffix in ("_constraint", "_initializer", "_kernel"):
            if name.endswith(suffix):
                raise ValueError(
                    f"`constrained` takes the layer's argument without its suffix. Received: "
                    f"{name}={value!r}. Write {name.removesuffix(suffix)}=... instead."
                )
        if isinstance(value, Joint):
            if activation is not None:
                raise ValueError(
                    "`activation` of `constrained` plans the start of weights with a set of their "
                    f"own. Received: {name}={value!r}. Give the activation to the layer itself."
                )
            arguments[f"{name}_constraint"] = value
            arguments[f"{name}_initializer"] = STARTS.get(name) or Feasible(value.set)
            continue
        a_set = _set(value, f"`{name}` of `constrained`")
        arguments[f"{name}_constraint"] = a_set
        if name == kernel:
            start = Feasible(a_set, activation=activation, depth=depth, inputs=inputs)
            fixed = a_set.scale_free is False
            arguments["activation"] = OutputScale(activation) if fixed else activation
        elif name == "bias" and kernel:
            start = MatchingBias(a_set)
        else:
            start = Feasible(a_set, base=STARTS.get(name))
        arguments[f"{name}_initializer"] = start
    if kernel:
        arguments.setdefault("bias_initializer", MatchingBias())
    return arguments


def _check_name(name, value):
    """Raises ValueError for a name that is nearly that of an argument of Keras' layers.

    A layer of the user's own may have any other.
    """
    if name == "base":
        raise ValueError(
            f"`base` belongs to an initializer, not to `constrained`. Received: base={value!r}. "
            "Write Dense(..., kernel_constraint=a_set, "
            "kernel_initializer=a_set.initializer(base=...))."
        )
    near = difflib.get_close_matches(name, _NAMES, n=1, cutoff=0.8)
    if near and not name.startswith(near[0]):
        raise ValueError(
            f"`constrained` takes sets under the names of the layer's arguments "
            f"({', '.join(_NAMES)}, or those of a layer of your own). Received: "
            f"{name}={value!r}. Write {near[0]}=... instead."
        )


def _check_activation(activation):
    """Raises ValueError for a name that no layer could take."""
    try:
        keras.activations.get(activation)
    except ValueError:
        known = [name for name in dir(keras.activations) if not name.startswith("_")]
        near = difflib.get_close_matches(str(activation), known, n=1)
        raise _checks.fail(
            "constrained", "activation", "be the name of an activation of Keras, or a callable",
            activation, f"Write activation={near[0]!r} instead." if near else "",
        ) from None  # fmt: skip


def _planned_kernel(sets, activation, depth, inputs):
    """The name of the kernel whose start is planned, or an empty string."""
    check_inputs("constrained", inputs)
    _checks.count("constrained", "depth", depth)
    if activation is None:
        if depth != 1 or inputs is not None:
            raise ValueError(
                "`activation` of `constrained` must be given with `depth` or `inputs`. Received: "
                f'depth={depth!r}, inputs={inputs!r}. Write activation="linear" for none.'
            )
        return ""
    _check_activation(activation)
    for name in ("kernel", "pointwise", "depthwise"):
        if name in sets:
            return name
    raise ValueError(
        "`activation` of `constrained` decides the start of a kernel. Received: "
        f"activation={activation!r} with sets for {', '.join(sets) or 'nothing'}. Write "
        "kernel=..., or give the activation to the layer itself."
    )


def constrain(model: keras.Model, sets: Mapping[str, Any]) -> dict[str, ConstraintSet]:
    """Constrains any weights of a built model, whoever wrote it.

    The weights stay as they are; `prepare` or `project` brings them inside. A model that is
    compiled obeys from its next step on. Keras saves the constraint where the layer has an
    argument for it; where it has none a warning says so.

    Args:
        model: A built Keras model or layer.
        sets: From glob patterns to sets (or anything that `as_set` takes; None removes a
            constraint), or from a tuple of patterns to a `Joint` of all that they match. A pattern
            matches a weight's path, its place in the model, or the end of either:
            `"encoder/*/kernel"`, `"*/recurrent_kernel"`, `"head/kernel"`. Where several match,
            the last one counts.

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
        if isinstance(value, Joint) or isinstance(pattern, tuple):
            for record, member in _together(records, pattern, value):
                chosen[id(record.variable)] = record, value, member
            continue
        for record in matching("constrain", records, pattern):
            wanted = None if value is None else _set(value, f"{pattern!r} of `constrain`")
            chosen[id(record.variable)] = (
                record, wanted, None if wanted is None else record.resolved(wanted)
            )  # fmt: skip
    _check_groups(chosen)
    lost = _unsaved(model, [record for record, _, _ in chosen.values()])
    apart = _apart(chosen, lost)
    for record, wanted, resolved in chosen.values():
        record.variable.constraint = resolved
        if isinstance(resolved, Member) and resolved.group in apart:
            wanted, lost = None, [*lost, *({record.path} - {*lost})]
        if _has_argument(record):
            setattr(record.layer, f"{record.argument}_constraint", wanted)
    if getattr(model, "train_function", None) is not None:
        model.make_train_function(force=True)
    if lost:
        warnings.warn(
            f"Keras can not save the constraint of {', '.join(map(repr, lost))}: the layer has no "
            "argument for it, or its config leaves it out. Call `constrain` again after loading.",
            stacklevel=2,
        )
    return {
        record.path: resolved.group.set if isinstance(resolved, Member) else resolved
        for record, _, resolved in chosen.values()
        if resolved
    }


def _together(records, patterns, joint):
    """The members of a new group, in the order of the layers that made them."""
    if not isinstance(joint, Joint) or not isinstance(patterns, tuple):
        raise ValueError(
            "A tuple of patterns of `constrain` goes with a `Joint`, and a `Joint` with a tuple. "
            f'Received: {patterns!r}: {joint!r}. Write {{("dense/kernel", "dense/bias"): '
            "Joint(...)}."
        )
    found = {
        id(r.variable) for pattern in patterns for r in matching("constrain", records, pattern)
    }
    group, members = Group(joint), []
    for record in records:
        if id(record.variable) in found:
            member = group.member(record.layer, record.variable.name, record.shape, record.path)
            group.bind(member, record.variable)
            members.append((record, member))
    group.check_shape()
    return members


def _check_groups(chosen):
    """Raises ValueError if a group of a `Joint` would lose some of its weights only."""
    groups = [record.constraint.group for record, _, _ in chosen.values()
              if isinstance(record.constraint, Member)]  # fmt: skip
    groups += [new.group for _, _, new in chosen.values() if isinstance(new, Member)]
    for group in groups:
        now = [chosen.get(id(m.variable), (None, None, m.variable.constraint))[2] is m
               for m in group.members]  # fmt: skip
        if any(now) and not all(now):
            raise ValueError(
                f"The weights {group.path!r} obey a `Joint`: `constrain` must give all of them a "
                "new constraint, or none."
            )


def _apart(chosen, lost):
    """The groups that no layer would form anew after loading."""
    members = [(record, m) for record, _, m in chosen.values() if isinstance(m, Member)]
    homes: dict[Group, set[int]] = {}
    namesakes: dict[tuple[int, str], set[Group]] = {}
    for record, member in members:
        homes.setdefault(member.group, set()).add(id(record.layer))
        key = id(record.layer), repr(member.group.joint)
        namesakes.setdefault(key, set()).add(member.group)
    apart = {group for group, layers in homes.items() if len(layers) > 1}
    apart |= {group for groups in namesakes.values() if len(groups) > 1 for group in groups}
    return apart | {member.group for record, member in members if record.path in lost}


def _set(value, where):
    try:
        return as_set(value)
    except ValueError as reason:
        raise ValueError(f"{where} is no constraint. {reason}") from None


class _Marker(keras.constraints.Constraint):
    """Put in a layer for a moment to see whether the model's config would save it."""

    def __init__(self, token: str):
        self.token = token

    def get_config(self):
        return {"token": self.token}


def _has_argument(record):
    """Whether the layer takes a constraint for this weight; with LoRA it would not load with it."""
    adapted = getattr(record.layer, "lora_enabled", False) and computed_weight(record)
    return hasattr(record.layer, f"{record.argument}_constraint") and not adapted


def _unsaved(model, records):
    """The paths of the weights whose constraint the config of the model would not hold."""
    marked, lost = [], []
    for record in records:
        attribute = f"{record.argument}_constraint"
        if _has_argument(record):
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
