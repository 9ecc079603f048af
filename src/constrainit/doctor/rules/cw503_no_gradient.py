"""CW503 no-gradient."""

import itertools

from constrainit.doctor._beyond import is_nothing
from constrainit.doctor._straight import WRONG_WAY
from constrainit.doctor.rules._of_clips import of_clipped
from constrainit.doctor.rules._of_cuts import of_uncut
from constrainit.doctor.rules._rule import Rule, cut_at, is_cut_behind

_ROUNDING = 1e-5

_SWAPPED = (
    ". The straight-through estimator is written the wrong way round: what it gives is smooth, and "
    "its gradient that of the step"
)


_TURN = (
    "write soft + stop_gradient(hard - soft), which has the value of the step and the gradient of "
    "what it is taken of"
)


class NoGradient(Rule):
    """A trainable weight gets no gradient at any step, and something cuts it off.

    A comparison, `sign`, `round` and `argmax` have a derivative of zero wherever they have one:
    what they are computed from does not learn. A weight that is used in a condition only, or
    behind `stop_gradient`, does not either. Of two weights that are multiplied and both start at
    zero, such as those of a low-rank adapter, neither gets one. Nothing fails; the weight stays
    what it was. Where no weight at all gets a gradient, the loss itself is flat: it rounds, or lies
    on a floor. A loss may also fall by jumps for the most part, as where it counts what was decided
    by a comparison, and be trained by the little that is left.

    Example:
        class Gate(layers.Layer):
            def build(self, shape):
                self.width = self.add_weight(shape=(4,), initializer="ones", constraint="non_neg")
            def call(self, x):
                return ops.where(ops.abs(x) < self.width, x, 0.0)
        [Gate(), layers.Dense(1)]

    Use instead:
        class Gate(layers.Layer):
            def build(self, shape):
                self.width = self.add_weight(shape=(4,), initializer="ones", constraint="non_neg")
            def call(self, x):
                return x * ops.sigmoid(8 * (self.width - ops.abs(x)))
        [Gate(), layers.Dense(1)]

    Known limits:
        A weight whose gradient is merely tiny is not reported. One without which the loss is the
        same, such as a bias that cancels in a difference, is a note, unless a softmax over a single
        entry, which gives 1 whatever it is given, was called behind it. Dead and saturated units
        that cut off a whole layer have their own rules. Where the loss does not depend on a layer
        at all, or its code says `stop_gradient`, it is a note: that may be meant, unless it is an
        estimator the wrong way round, `hard + stop_gradient(soft - hard)`, or a small model learns
        twice as much of the targets in 100 steps without it, on half of the batch. A loss that
        jumps is one whose gradients add up to less than a fifth of what it falls by on the straight
        way from the predictions to targets of their shape, where such a line of its code is known
        and the steps take less than a third off it. What an output leads to whose loss weight is
        zero is told by CW618. A weight that a layer of the user's own clips (by `clip`, `maximum`,
        `minimum` or `relu` of it, or of a multiple and a number) may get a gradient for some
        entries alone: reported where a tenth of them start outside and no step moves them, in small
        models, if 100 steps on half of the batch take the loss of the other half to less than a
        half from a start inside.
        The line is the first of the user's own code, as it is written, at which something
        computed from the weight, or from the inputs, enters a comparison, `sign`, `round` and the
        like; else a `clip`. That of a function in a `Lambda` or an activation is known, too; of an
        operation that the graph of a model holds only the name is. What the code of others does, or
        what is reached by a dictionary or a closure, is not located.

    Source:
        StackOverflow 60889308 (a trainable width that is used in a condition only); Bengio,
        Leonard and Courville, Estimating or propagating gradients through stochastic neurons
        (2013).
    """

    code, name, stage = "CW503", "no-gradient", "gradients"
    numbers = (
        "gradient", "gradient_behind", "loss", "loss_at_targets", "seen", "outside",
        "loss_at_the_end", "loss_from_inside", "loss_without_cut",
    )  # fmt: skip

    def find(self, evidence):
        left_out = {id(record) for one in evidence.uncounted for record in one.records}
        never = [g for g in evidence.gradients if g.never and id(g.record) not in left_out]
        # Where a loss is zero nothing moves a weight, and need not.
        if evidence.fault_step is not None or is_nothing(max(evidence.losses, default=1), evidence):
            return
        lost = _lost_in_rounding(evidence) if evidence.alone else []
        if lost:
            yield self._behind_softmax_of_one(evidence, lost, *evidence.alone[0])
            never = [g for g in never if g not in lost]
        if evidence.clipped is not None:
            share, (_, given, other) = evidence.clipped.share, evidence.clipped.losses
            numbers = {"outside": share, "loss_at_the_end": given, "loss_from_inside": other}
            yield of_clipped(self, evidence.clipped, numbers)
            outside = {id(record.variable) for record in evidence.clipped.records}
            never = [g for g in never if id(g.record.variable) not in outside]
        if evidence.uncut is not None:
            _, given, other = evidence.uncut.losses
            numbers = {"loss_at_the_end": given, "loss_without_cut": other}
            yield of_uncut(self, evidence.uncut, numbers)
            never = [g for g in never if g.record not in evidence.uncut.records]
        if len(never) < len(evidence.gradients):
            yield from self._of_jumps(evidence.severed.get(""))
        if not never:
            return
        products = {g.record.layer.name for g in never if g.factor}
        cut = [
            e for e in evidence.entries
            if e.leaves and not e.gradient and e.layer not in products
        ]  # fmt: skip
        if not cut and _is_cut_in_the_loss(evidence, never):
            yield self._in_the_loss(evidence, never)
            return
        for entry in cut[:1]:
            before = [g.record.path for g in never if g.record.layer.name != entry.layer]
            own = [g.record.path for g in never if g.record.layer.name == entry.layer]
            if before or own:
                named = ", ".join((before or own)[:3])
                cut_off = evidence.severed.get(entry.layer)
                if cut_off is None and not before:
                    cut_off = next(filter(None, map(evidence.severed.get, own)), None)
                yield self.made(
                    f"the loss depends on what {entry.kind} {entry.layer!r} gives, but no gradient "
                    f"gets through it: {named} did not get one at any of "
                    f"{_steps(evidence)} steps{cut_at(cut_off)}"
                    + (_SWAPPED if entry.swapped else ""),
                    _TURN
                    if entry.swapped
                    else "replace the operation without a derivative (a comparison, sign, round, "
                    "argmax) by a smooth one, or pass the gradient through "
                    "(constrainit.Grid(...).straight_through)",
                    {"gradient": 0.0, "gradient_behind": entry.leaves},
                    layer=entry.layer, weight=own[0] if own and not before else "",
                    source=_line(cut_off),
                    level="info" if entry.stops else "warning",
                )  # fmt: skip
        for gradient in never:
            record = gradient.record
            behind = _behind(evidence, record.layer)
            flat = behind is not None and _is_flat(behind) and not is_cut_behind(evidence, behind)
            if not gradient.factor and (cut or flat):
                continue
            reached = _is_reached(evidence, gradient)
            held = evidence.severed.get(record.path)
            says = any(entry.stops for entry in evidence.entries)
            says |= held is not None and held.operation == "stop_gradient"
            once = _computed_once(evidence, record)
            fix = (
                "use it where it has a derivative, not in a condition or a rounding, or make it "
                "trainable=False"
            )
            zeros = [g.record.path for g in never if g.factor and g is not gradient]
            told = None
            if once:
                why = f": {once!r}, which the loss depends on, was computed from it only once"
                fix = f"compute {once!r} in call, from the weight"
            elif gradient.used is False and any(record.layer is one for one in evidence.lone):
                why = ": the sequences have a single time step, which no state comes before"
                fix = "give it sequences of several steps, or take a layer without a recurrence"
            elif gradient.factor and zeros:
                other = _nearest(record.path, zeros)
                why = f": it is zero, as is {other}, and one multiplies the other"
                fix = "draw one of them at random; the other one may start at zero"
            elif reached and gradient.used is False and held is None:
                why = ": what it changes cancels out before the loss"
                fix = "leave it out, such as by use_bias=False, or make it trainable=False"
            elif reached or gradient.used:
                told = held
                why = f"the loss depends on what {record.layer.name!r} gives"
                why = f", although {why if reached else 'the loss changes with it'}"
                why += cut_at(held)
                fix = _TURN if held is not None and held.operation == WRONG_WAY else fix
            else:
                why = ": the loss does not depend on it"
                fix = (
                    "leave it out where it cancels, as a bias does in a difference of two outputs; "
                    "else use it where it has a derivative, or make it trainable=False"
                )
            yield self.made(
                f"it gets no gradient at any of {_steps(evidence)} steps{why}",
                fix,
                {"gradient": 0.0}, layer=(told and told.layer) or record.layer.name,
                weight=record.path, source=_line(told),
                level="warning" if _counts(gradient, reached, says, told) else "info",
            )  # fmt: skip

    def _in_the_loss(self, evidence, never):
        moves, cut_off = any(g.used for g in never), evidence.severed.get("")
        return self.made(
            f"no weight of the model gets a gradient at any of {_steps(evidence)} steps"
            + (", although the loss changes with the weights" if moves else "")
            + f": the loss is flat in the predictions{cut_at(cut_off)}",
            "look into the loss: it must not round, compare or take the argmax of the predictions, "
            "nor clip them where they are; of a likelihood write the logarithm itself, as a "
            "density of targets far away is 0 in rounding; and scale the targets",
            {"gradient": 0.0}, source=_line(cut_off),
        )  # fmt: skip

    def _of_jumps(self, cut):
        """A loss of which the weights get the gradient of a small part only."""
        if cut is None or cut.way is None:
            return
        first, last, seen = cut.way
        yield self.made(
            f"the loss falls from {first:.4g} to {last:.4g} on the way from the predictions to the "
            f"targets, and its gradients see {max(seen, 0.0):.2g} of that: the rest are jumps"
            f"{cut_at(cut)}",
            "let the loss take what is predicted as it is, as probabilities do for counts of what "
            "was decided, or a sigmoid of the difference; a comparison is for a metric",
            {"loss": first, "loss_at_targets": last, "seen": seen}, source=cut.source,
        )  # fmt: skip

    def _behind_softmax_of_one(self, evidence, lost, layer, source):
        record = lost[0].record
        return self.made(
            f"it gets no gradient at any of {_steps(evidence)} steps: the softmax"
            f"{f' in {layer!r}' if layer else ''} runs over a single entry, for which it gives 1 "
            "whatever it is given",
            "let the softmax run along the axis of what is weighed, such as axis=1 for the time "
            "steps; for a single share take a sigmoid",
            {"gradient": 0.0}, layer=record.layer.name, weight=record.path, source=source,
        )  # fmt: skip


def _line(cut):
    """The user's own line that cuts a gradient off, where one is known."""
    return None if cut is None else cut.source


def _nearest(path, others):
    """The path that shares most of its beginning with another one."""

    def shared(other):
        pairs = zip(path.split("/"), other.split("/"), strict=False)
        return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))

    return max(others, key=shared)


def _steps(evidence):
    """At how many steps there was a look at gradients."""
    return 1 + max((len(gradient.later) for gradient in evidence.gradients), default=0)


def _computed_once(evidence, record):
    """The tensor that was computed once from a weight, which nothing else depends on, or ""."""
    found = (m.name for m in evidence.computed for r in m.lost if r.variable is record.variable)
    return next(found, "")


def _is_cut_in_the_loss(evidence, never):
    """Whether predictions that differ from each other get no gradient, nor does any weight."""
    if len(never) < len(evidence.gradients) or any(entry.stops for entry in evidence.entries):
        return False
    outputs = evidence.outputs
    return bool(outputs) and not any(output.gradient or _is_flat(output) for output in outputs)


def _lost_in_rounding(evidence):
    """The gradients that are never more than the rounding of the largest one."""
    norms = [[g.norm or 0.0, *g.later] for g in evidence.gradients if not g.nonfinite]
    least = _ROUNDING * max((max(of) for of in norms), default=0.0)
    return [g for g in evidence.gradients if max(g.norm or 0.0, *g.later, 0.0) <= least]


def _is_reached(evidence, gradient):
    """Whether the loss has a gradient by what the layer of a weight gives."""
    behind = _behind(evidence, gradient.record.layer)
    return behind is not None and bool(behind.gradient)


def _counts(gradient, reached, says, cut):
    """Whether a weight without a gradient is more than a note: it was meant to do something."""
    if cut is not None and not says:
        return True
    return gradient.used is not False if reached else bool(gradient.used and not says)


def _is_flat(output):
    """Whether a dead, saturated or constant output explains that no gradient comes through."""
    flat = max(output.dead or 0.0, output.saturated or 0.0) > 0.5
    return flat or output.spread <= 1e-6 * output.peak


def _behind(evidence, layer):
    """The output of a layer that has the largest gradient."""
    outputs = [o for o in evidence.outputs if o.layer == layer.name]
    return max(outputs, key=lambda o: o.gradient or 0.0, default=None)
