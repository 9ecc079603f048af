"""CW302 undefined-at-bound."""

from constrainit.doctor._recording import is_custom
from constrainit.doctor.rules._rule import Rule, percent

_NEARER = 0.1
"""The share of the way to a bound that steps go at most where they are not under way to it."""

_TRAINED = 0.5
"""A loss of less than this share of what it was is learnt without coming there."""


class UndefinedAtBound(Rule):
    """A set allows a weight where the layer that uses it is not defined.

    A closed set holds its bounds. `non_neg` holds zero, and the logarithm of zero is infinite; a
    clip to [-1, 1] holds one, and `1 / sqrt(1 - w * w)` is infinite there. A projection puts
    weights exactly on the bound, so that it is reached, not merely approached. A weight without a
    constraint is reported if the steps take it through zero and its layer is not defined there,
    such as a temperature that divides. A bound may be that of a norm: a distance in the ball of
    radius one divides by `1 - norm ** 2`, wherever it is computed of the weights of another layer.

    Example:
        class Scores(layers.Layer):
            def build(self, shape):
                self.w = self.add_weight(shape=(4,), initializer="ones", constraint="non_neg")
            def call(self, x):
                return x + ops.log(self.w)
        Scores()

    Use instead:
        class Scores(layers.Layer):
            def build(self, shape):
                floor = ci.Positive(1e-3)
                self.w = self.add_weight(shape=(4,), initializer="ones", constraint=floor)
            def call(self, x):
                return x + ops.log(self.w)
        Scores()

    Known limits:
        Tried are up to eight weights, each alone: with every other entry or unit at its bound, then
        with all. If only all of them together fail, or several units and none alone, and no step
        comes there, it is a note. Of Keras' layers it is done where a layer, an operation between
        layers or a loss is not Keras' own, and for sets that are bounded as a whole only, such as a
        ball or an interval: what is not, such as `non_neg`, has zero for a bound, which sums take.
        Of a vector whose norm has a lower bound, in a layer of the user's own, one entry is zero.

    Source:
        Threads of this kind: pronobis/libspn-keras#17 (the logarithm of `non_neg`),
        keras-team/keras#8791 (a correlation clipped to its closed interval).
    """

    code, name, level, stage = "CW302", "undefined-at-bound", "warning", "training"
    numbers = ("low", "high")

    def find(self, evidence):
        reached = set(evidence.fault_weights) if evidence.fault_step is not None else set()
        for corner in evidence.corners:
            record, operation = corner.record, corner.operation
            if corner.free:
                yield self._through_zero(evidence, corner)
                continue
            met = record.path in reached and not corner.inside
            value = f"[{corner.value.minimum:.3g}, {corner.value.maximum:.3g}]"
            what = "" if operation is None else f": {operation.name}, {operation.limit}"
            idle = "" if met else _idle(evidence, corner)
            when = (
                f"training is there at step {evidence.fault_step}"
                if met
                else idle or "no step that was looked at has come there yet"
            )
            yield self.made(
                f"its set ({corner.text}) allows values, here {value}, for which "
                f"{_place(corner)} is not finite{what}; {when}",
                _fix(corner),
                {"low": corner.value.minimum, "high": corner.value.maximum, "reached": met},
                layer=record.layer.name, weight=record.path,
                source=None if operation is None else operation.source,
                level="error" if met else "info" if corner.everywhere or idle else "warning",
            )  # fmt: skip

    def _through_zero(self, evidence, corner):
        record, operation = corner.record, corner.operation
        what = "" if operation is None else f": {operation.name}, {operation.limit}"
        held = "it has no constraint" if record.constraint is None else "its set holds 0"
        return self.made(
            f"{held}, and {len(evidence.losses) - 1} steps take it through 0, where "
            f"{record.layer.name!r} is not finite{what}; behind 0 its effect is turned around",
            "learn its logarithm (ops.exp(w) in call), or keep it on its side: "
            "constraint=constrainit.Positive(minimum)",
            {"low": corner.value.minimum, "high": corner.value.maximum, "reached": True},
            layer=record.layer.name, weight=record.path,
            source=None if operation is None else operation.source,
        )  # fmt: skip


def _idle(evidence, corner):
    """Why a bound is no harm to the steps that were looked at; empty where it may be."""
    made = next((one for one in evidence.gradients if one.record is corner.record), None)
    steps, losses = len(evidence.losses) - 1, evidence.losses
    if made is None or steps < 1 or not corner.far > 0:
        return ""
    if made.never and made.still:
        return "no step moves it, as it gets no gradient"
    share = steps * made.stride / corner.far
    if share < _NEARER and losses[-1] < _TRAINED * losses[0]:
        return (
            f"{steps} steps take the loss from {losses[0]:.3g} to {losses[-1]:.3g}, and the weight "
            f"no more than {percent(share)} of the way there"
        )
    return ""


def _fix(corner):
    if "norm in [" in corner.text and len(corner.record.shape) == 1:
        return (
            "bound each entry, by Box(lower, upper): the norm of a vector is that of all of its "
            "entries, and keeps none of them from zero"
        )
    return (
        "keep a distance from the bound: Positive(minimum) in place of non-negative weights, "
        "Box(lower, upper) or MaxNorm(radius) with bounds inside, or a smooth map (Reparametrized)"
    )


def _place(corner):
    """What is not finite there: a layer behind that of the weight, or the loss, where it is."""
    operation = corner.operation
    if is_custom(corner.record.layer) or operation is None:
        return repr(corner.record.layer.name) if is_custom(corner.record.layer) else "the model"
    return repr(operation.layer) if operation.layer else "the loss"
