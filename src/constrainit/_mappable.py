"""Which weights may be seen through a smooth map, and the value that they start from."""

from typing import Any

from keras import ops

from constrainit._effective import is_adapted
from constrainit._idle import warn_if_idle
from constrainit._seen import free_of
from constrainit._set import ConstraintSet
from constrainit.initializers import Feasible
from constrainit.model import WeightRecord


def is_trained(record: WeightRecord) -> bool:
    """Whether an optimizer may train a weight, be its layer frozen or not."""
    return any(variable is record.variable for variable in record.layer._trainable_variables)


def trained(owner: str, records: list[WeightRecord], pattern: str) -> list[WeightRecord]:
    """Those that an optimizer may train.

    Raises:
        ValueError: There are none: only statistics, states or seeds that the layer sets itself.
    """
    kept = [record for record in records if is_trained(record)]
    if not kept:
        raise ValueError(
            f"`{pattern}` of `{owner}` must name a weight that the optimizer trains. Received: "
            f"{records[0].path!r}, which the layer sets itself."
        )
    return kept


def smooth_set(
    record: WeightRecord, a_set: ConstraintSet, name: str, owner: str = "Reparametrized"
) -> ConstraintSet:
    """The set of a weight, resolved for it, which has a smooth map.

    Raises:
        ValueError: It has none, or the layer adds something else to the weight.
    """
    if is_adapted(record):
        raise ValueError(
            f"`{name}` of `{owner}` must name a weight without low-rank adapters. Received: "
            f"{record.path!r}, to which its layer adds them, out of the set. To merge them, call "
            "`save_weights`, and `load_weights` in the same model made without `enable_lora`."
        )
    resolved = record.resolved(a_set)
    if resolved.transform is None:
        why = f": {resolved.no_map}" if resolved.no_map else ""
        others = (
            ""
            if owner == "Reparametrized"
            else (
                " Name the other weights by patterns, or, without `sets`, leave it as it is by "
                "skip_unmappable=True."
            )
        )
        raise ValueError(
            f"`{name}` of `{owner}` must be a set with a smooth map. Received: {name}="
            f"{a_set!r}, which has none{why}. Use its projection: ci.constrained(...) for the "
            f"layer, or ci.constrain(model, ...).{others}"
        )
    # `reparametrize` asks before it makes a `Reparametrized`, which asks again.
    if owner == "Reparametrized":
        warn_if_idle(resolved, record.shape, record.path)
    return resolved


def first_value(record: WeightRecord, a_set: ConstraintSet, given: bool) -> Any:
    """The free value of a weight that was given, else its draw; None for a draw of the set."""
    if record.variable._value is None:
        # The layer is being built by a step that is traced: variables get their values later.
        return None
    own = getattr(record.layer, f"{record.variable.name}_initializer", None)
    if not given and not isinstance(own, Feasible):
        return None
    value = ops.stop_gradient(ops.copy(record.value))
    return free_of(a_set, value, record.path) if given else a_set.project(value)
