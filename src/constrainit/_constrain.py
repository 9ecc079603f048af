"""Giving the weights of a built model their constraints."""

from collections.abc import Mapping
from typing import Any

import keras

from constrainit._came import came
from constrainit._gates import warn_if_cut_across
from constrainit._idle import warn_if_idle
from constrainit._joint import Group, Joint, Member
from constrainit._measure import lacking
from constrainit._own_class import has_own
from constrainit._reparametrized import refuse_seen
from constrainit._savable import give, saved_by_outer, unsaved, warn_of_lost
from constrainit._set import ConstraintSet
from constrainit._signatures import explaining
from constrainit.model import WeightRecord, check_built, matches, matching, walk
from constrainit.sets.keras_builtin import set_of


@explaining
def constrain(model: keras.Model, sets: Mapping[str, Any]) -> dict[str, ConstraintSet]:
    """Constrains any weights of a built model, whoever wrote it.

    A set takes the place of the constraint that a weight had; `A & B` keeps both. The weights and
    the initializers of the layers stay as they are; `prepare` or `project` brings
    the weights inside, also those of a clone, which is drawn anew. A model that is
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
        ValueError: A pattern matches no weight, or only such as a `Reparametrized` computes, a set
            does not fit one, or sets that are joined have no weight of its shape in common; nothing
            is changed.
    """
    if not isinstance(sets, Mapping) or not sets:
        raise ValueError(
            f"`sets` of `constrain` must map patterns to sets. Received: sets={came(sets)}. "
            'Write {"*/kernel": UnitNorm()}.'
        )
    check_built(model, "constrain")
    records = walk(model)
    chosen: dict[int, tuple[WeightRecord, Any, ConstraintSet | None]] = {}
    for pattern, value in sets.items():
        if isinstance(value, Joint) or isinstance(pattern, tuple):
            for record, member in _together(model, records, pattern, value):
                chosen[id(record.variable)] = record, value, member
            continue
        for record in _matching(model, records, pattern):
            wanted = None if value is None else set_of("constrain", pattern, value)
            chosen[id(record.variable)] = (
                record, wanted, None if wanted is None else record.resolved(wanted)
            )  # fmt: skip
    _check_groups(chosen)
    for record, _, resolved in chosen.values():
        _check_members(record, resolved)
    # A weight that has no constraint and gets none has nothing to lose.
    told = [one for one, _, new in chosen.values() if new or one.variable.constraint]
    lost = unsaved(model, told)
    apart = _apart(chosen, lost)
    for record, wanted, resolved in chosen.values():
        if isinstance(resolved, Member) and resolved.group in apart:
            wanted, lost = None, [*lost, *({record.path} - {*lost})]
        give(record, resolved, wanted)
    if getattr(model, "train_function", None) is not None:
        model.make_train_function(force=True)
    new = {record.path for record, _, resolved in chosen.values() if resolved}
    given = [(record, wanted) for record, wanted, _ in chosen.values()]
    instead = saved_by_outer(model, given, lost) if lost else ""
    warn_of_lost(lost, removal=not new & {*lost}, instead=instead)
    _warn_of_idle(chosen)
    return {
        record.path: resolved.group.set if isinstance(resolved, Member) else resolved
        for record, _, resolved in chosen.values()
        if resolved
    }


def _warn_of_idle(chosen):
    """Warns of what holds nothing back, of several weights together once."""
    groups = (r.group for _, _, r in chosen.values() if isinstance(r, Member))
    for group in dict.fromkeys(groups):
        warn_if_idle(group.set, group.size, group.path)
    for record, _, resolved in chosen.values():
        if resolved is not None and not isinstance(resolved, Member):
            warn_if_idle(resolved, record.shape, record.path)
            warn_if_cut_across(resolved, record.layer, record.shape, record.path)


def _matching(model, records, pattern):
    """The records that a pattern matches; of weights that are computed it says what to do."""
    if isinstance(pattern, str) and not any(matches(record, pattern) for record in records):
        refuse_seen("constrain", model, pattern)
    return matching("constrain", records, pattern)


def _together(model, records, patterns, joint):
    """The members of a new group, in the order of the layers that made them."""
    if not isinstance(joint, Joint) or not isinstance(patterns, tuple):
        raise ValueError(
            "A tuple of patterns of `constrain` goes with a `Joint`, and a `Joint` with a tuple. "
            f'Received: {patterns!r}: {joint!r}. Write {{("dense/kernel", "dense/bias"): '
            "Joint(...)}."
        )
    found = {id(r.variable) for pattern in patterns for r in _matching(model, records, pattern)}
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


def _check_members(record, resolved):
    """Raises ValueError if a set has no weight of the shape that it is given for.

    What a set class of the user's own raises comes here, too, and not at the first step.
    """
    path, shape, a_set = record.path, record.shape, resolved
    if isinstance(resolved, Member):
        path, shape, a_set = resolved.group.path, resolved.group.size, resolved.group.set
    missing = "" if a_set is None else lacking(a_set, shape)
    if missing:
        raise ValueError(
            f"The constraint of {path!r} has no weight of shape {shape}: none was found that is "
            f"{missing}. Give one of the sets a wider bound. Received: {a_set!r}."
        )
    if a_set is not None and not isinstance(resolved, Member) and has_own(a_set):
        a_set.project(record.value)


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
