"""Remedies for what the losses of several outputs count: other weights, and scaled targets."""

from constrainit.doctor._loss_weights import parts_of, weighed, with_scaled
from constrainit.doctor.treatments._losses import pasted
from constrainit.doctor.treatments._remedy import Changed, with_other


def counted(problem, evidence, found):
    """The losses that count for nothing, with a weight of one."""
    left_out = {one.path: 1.0 for one in evidence.uncounted if one.loss is not None}
    if not left_out:
        return None
    names = [repr(one.name) for one in evidence.uncounted if one.path in left_out]
    weights = "a loss weight of 1" if len(names) == 1 else "loss weights of 1"
    return _with_weights(problem, f"{weights} for {', '.join(names)}", left_out)


def counted_positively(problem, evidence, found):
    """Loss weights below zero with the other sign."""
    below = {p.path: -p.weight for p in parts_of(problem) if p.weight is not None and p.weight < 0}
    if not below:
        return None
    names = ", ".join(repr(name) for name in evidence.negative)
    return _with_weights(problem, f"the loss weight of {names} with the other sign", below)


def scaled_beside(problem, evidence, found):
    """The targets of the loss that rules the others, of mean zero and deviation one."""
    made = evidence.overruled
    if made is None or made.scaled is None:
        return None
    own = problem.y
    names: list[str] = [*(problem.compiled_loss.output_names or ())]
    key = made.large.path[0]
    if isinstance(own, (list, tuple)) and isinstance(key, str):
        key = names.index(key)
    said = f"the targets of {made.large.name!r} are brought to mean zero and deviation one, "
    return Changed(
        f"{said}{_then(made)}",
        with_other(problem, y=with_scaled(problem, made.large)),
        f"mean, deviation = y[{key!r}].mean(axis=0), y[{key!r}].std(axis=0)\n"
        f"y[{key!r}] = (y[{key!r}] - mean) / deviation"
        "  # and predictions of it times deviation, plus mean",
    )


def weaker_beside(problem, evidence, found):
    """The loss that rules the others, weighed so that it is as large as the least."""
    made = evidence.overruled
    if made is None or made.weakened is None:
        return None
    said = f"a loss weight of {made.weight:g} for {made.large.name!r}, {_then(made)}"
    return _with_weights(problem, said, {made.large.path: made.weight})


def _then(made):
    return f"with which the loss of {made.small.name!r} goes to {made.mended:.4g} in as many steps"


def _with_weights(problem, said, weights):
    other = weighed(problem, weights)
    if other is None:
        return None
    changed = with_other(problem, loss=other.given_loss)
    changed.loss_weights = other.loss_weights
    return Changed(said, changed, pasted(problem, {}, loss_weights=other.loss_weights))
