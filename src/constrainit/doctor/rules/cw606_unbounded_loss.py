"""CW606 unbounded-loss."""

import math

from constrainit.doctor.rules._rule import Rule

_FAR, _BEYOND, _FEW = 10.0, 1e3, 9


class UnboundedLoss(Rule):
    """The loss has no least value, and training follows it down without end.

    A minus that is missing, or one too many, turns a distance around: what should be small is made
    as large as can be. The loss looks as if it trained well; the weights run off, units die, and
    after some hundred steps numbers overflow. No learning rate mends it.

    Example:
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.01), lambda y, p: -ops.mean(ops.square(y - p)))
        ci.diagnose(model, np.eye(4), np.arange(4.0)[:, None])

    Use instead:
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.01), lambda y, p: ops.mean(ops.square(y - p)))
        ci.diagnose(model, np.eye(4), np.arange(4.0)[:, None])

    Known limits:
        Asked of a loss that is below zero after the steps and falls no slower than before: then up
        to 180 more are taken. Reported if it ends ten times lower, faster and faster, or was a
        thousand times lower before something overflowed. Not asked where constraints hold all
        weights but biases within bounds, and a shift of all predictions does not make the loss
        lower: that of a critic has a least value then. A likelihood of densities may be negative,
        and slows down; a constrained weight whose set allows any size is named before, if each time
        that it alone is made a hundredfold the loss falls by the same. A part that is still
        outweighed by another one is not seen, nor are models whose steps are dear. What multiplies
        errors by negative numbers is named where a product in the loss has one operand that is
        computed from weights and nowhere below zero, and one that is not and is; so are loss
        weights below zero. The `sample_weight` and `class_weight` of `fit` are not looked at.

    Source:
        pytorch/examples#824 (a divergence without its minus), scikit-learn/scikit-learn#8087 (a
        quantile loss). The losses are those of real steps.
    """

    code, name, stage = "CW606", "unbounded-loss", "loss"
    numbers = ("loss", "loss_after")

    def find(self, evidence):
        seen = [loss for loss in evidence.losses if math.isfinite(loss)]
        more = _until_it_overflows(evidence.further)
        if not (_falls_on(seen, more) if more else _has_fallen(evidence, seen)):
            yield from self._by_size(evidence)
            return
        # What falls is a part that a layer adds, if that is most of it.
        layer = min(evidence.added, key=lambda name: evidence.added[name], default="")
        layer = layer if layer and evidence.added[layer] < 0.5 * more[-1] else ""
        what = f"what {layer!r} adds to the loss" if layer else "the loss"
        path = _falling_penalty(evidence, seen, more) if not layer else ""
        if path:
            what = f"the penalty on {path}"
            layer = next(r.layer.name for r in evidence.weights if r.path == path)
        signs, where = _negative(evidence) if not layer else ("", None)
        then = f" and to {more[-1]:.4g} in {len(more)} more" if more else ""
        yield self.made(
            f"{what} falls without end: the loss goes from {seen[0]:.4g} to {seen[-1]:.4g} in "
            f"{len(seen) - 1} steps{then}{signs}",
            "weights of examples, of classes and of losses must not be below zero, or what they "
            "weigh is made as large as can be: leave them out of what is standardized, or take "
            "ops.maximum(weight, 0.0)"
            if signs
            else "sum squares or magnitudes: a penalty needs a least value, and products of both "
            "signs have none"
            if path
            else "look at the signs: a distance, a divergence or minus a logarithm of chances must "
            "have a least value; a critic needs its weights bounded",
            {"loss": seen[0], "loss_after": [*seen, *more][-1]}, layer=layer, weight=path,
            source=where,
        )  # fmt: skip

    def _by_size(self, evidence):
        """A weight that its set allows any size, where the loss is the lower the larger it is."""
        made = evidence.endless
        if made is None:
            return
        yield self.made(
            "the loss falls without end with the size of this weight alone, whatever the data are: "
            f"from {made.losses[0]:.4g} to {made.losses[1]:.4g} with the weight "
            f"{made.factors[1]:g} times as large and to {made.losses[-1]:.4g} with "
            f"{made.factors[-1]:g} times, by the same each time; its set allows any size",
            "weights that a density or a likelihood is a sum with add up to one: a set such as "
            "constrainit.Simplex(), or divide by their sum",
            {"loss": made.losses[0], "loss_after": made.losses[-1]},
            layer=made.record.layer.name, weight=made.record.path,
        )  # fmt: skip


def _negative(evidence):
    """What counts errors negatively in the loss, as the end of a sentence, and the user's line."""
    if evidence.negative:
        named = ", ".join(f"that of {name!r} is {w:g}" for name, w in evidence.negative.items())
        return f". Of the loss weights {named}", None
    made = evidence.negated
    if made is None:
        return "", None
    factor, errors = (made.operation.operands[at].numbers for at in (made.index, 1 - made.index))
    ranges = [f"[{one.minimum:.3g}, {one.maximum:.3g}]" for one in (errors, factor)]
    return (
        f". The loss multiplies errors in {ranges[0]} by numbers in {ranges[1]} that are "
        "given, not learnt: errors that count negatively are made as large as can be"
    ), made.operation.source


def _until_it_overflows(further):
    """The losses of more steps; of those that overflow at last the ones down to the lowest.

    What a loss without end makes of the weights takes other parts of it up again at last.
    """
    more = [loss for loss in further if math.isfinite(loss)]
    return more[: more.index(min(more)) + 1] if more and len(more) < len(further) else more


def _falling_penalty(evidence, seen, more):
    """The weight whose penalty is most of a loss below zero, or an empty string."""
    below = evidence.falling_penalties
    path = min(below, key=lambda one: below[one], default="")
    if not path or not more:
        return ""
    # Where something overflowed, the penalties are those before the further steps.
    loss = more[-1] if math.isfinite(evidence.further[-1]) else seen[-1]
    return path if below[path] < 0.5 * loss else ""


def _falls_on(seen, more):
    """Whether the loss ends ten times lower after more steps, faster and faster."""
    third = len(more) // 3
    if len(more) < _FEW or not more[-1] < -_FAR * max(abs(seen[0]), abs(seen[-1])):
        return False
    middle, last = more[third] - more[2 * third], more[2 * third] - more[-1]
    # At last it falls no faster only because the numbers become too large for their steps.
    return last > middle > 0 or more[-1] < -_BEYOND * max(abs(seen[0]), abs(seen[-1]))


def _has_fallen(evidence, seen):
    """Whether the loss had fallen out of sight when something overflowed."""
    return bool(evidence.fault_step) and len(seen) > 2 and seen[-1] < -_BEYOND * abs(seen[0])
